"""How a call can fail: one class for each thing that a caller would do about it.

Owns the classes and which status belongs to which; leaves to `repeating` when a call is tried again before it fails.
"""


class ConsentryError(Exception):
    """A call that has no answer of the kind that was asked for.

    `status` is the HTTP status, `code` the stable code of the refusal, `description` its sentence for developers,
    `request_id` what to quote when asking for help, `retry_after` in seconds. All but the description are None where
    the server did not say. `attempts` counts how often the request was sent.
    """

    def __init__(
        self,
        description: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts

    def __str__(self) -> str:
        said = " ".join(str(part) for part in (self.status, self.code) if part is not None)
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{said}: {self.description}{request}" if said else f"{self.description}{request}"


class InvalidRequestError(ConsentryError):
    """The request is wrong (400, and whatever else says so): correct the program."""


class InvalidClientError(ConsentryError):
    """The credentials do not work (401 invalid_client): look at the secret in use."""


class InvalidTokenError(ConsentryError):
    """The token does not work (401 invalid_token), not even a new one."""


class ForbiddenError(ConsentryError):
    """The credentials or the token are not for this (403)."""


class NotFoundError(ConsentryError):
    """The customer has no such consent or account, or the institution no such token (404)."""


class ConflictError(ConsentryError):
    """The consent cannot be changed: sharing has ended, or it is a read-only copy (409)."""


class StaleETagError(ConsentryError):
    """The consent is not the one that the customer saw (412): read it again.

    After more than one attempt the other change may be this one, whose first answer was lost.
    """


class RateLimitedError(ConsentryError):
    """Too many requests (429), even after waiting."""


class UnavailableError(ConsentryError):
    """The server cannot serve for the moment (502, 503, 504), even after waiting; a change may have been made."""


class ServerError(ConsentryError):
    """The server has a defect (500 and other 5xx): tell its operator the request id."""


class ConnectionFailedError(ConsentryError):
    """No answer came; a change may have been made."""


class UnexpectedAnswerError(ConsentryError):
    """The answer is none of this API: look at the address and at what stands between."""


BY_STATUS: dict[int, type[ConsentryError]] = {
    401: InvalidTokenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: StaleETagError,
    429: RateLimitedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def error_class(*, status: int, code: str | None) -> type[ConsentryError]:
    """Choose the class for a refusal."""
    if code == "invalid_client":
        return InvalidClientError
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 400 <= status <= 499:
        return InvalidRequestError
    return ServerError if status >= 500 else UnexpectedAnswerError
