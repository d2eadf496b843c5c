"""Settings of the peer django-oauth-toolkit, as a production of it would reasonably have them.

No debug, no sessions, no templates: only the token endpoint; persistent connections to PostgreSQL. Its database and
secrets come from the environment; creating them is left to `peer_setup`.
"""

import os

SECRET_KEY = os.environ["BENCH_DJANGO_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "peer_urls"
WSGI_APPLICATION = "peer_wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["BENCH_PG_DATABASE"],
        "USER": os.environ["BENCH_PG_USER"],
        "PASSWORD": os.environ.get("BENCH_PG_PASSWORD", ""),
        "HOST": os.environ["BENCH_PG_HOST"],
        "PORT": os.environ.get("BENCH_PG_PORT", ""),
        "CONN_MAX_AGE": None,
    }
}
OAUTH2_PROVIDER = {
    "SCOPES": {"customer.modify_consent": "Change a customer's consents"},
    "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
