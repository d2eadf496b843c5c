"""What an institution configures: its API's settings, and where its customers sign in."""
