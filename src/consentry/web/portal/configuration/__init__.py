"""The pages under Configuration: the API's settings, where customers sign in, credentials, the embedded dashboard."""
