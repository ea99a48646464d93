"""What can go wrong on the way, in words for people."""

from dataclasses import dataclass
from http import HTTPStatus

from examples.photoprint.authorization import AnswerRefused, ErrorResponse


@dataclass(frozen=True, slots=True)
class Problem:
    """What happened, what it means, and what was behind it in the protocol's words."""

    heading: str
    explanation: str
    lesson: str
    status: HTTPStatus
    detail: str = ""
    step: int = 0


LOST = Problem(
    "We lost the thread",
    "PhotoPrint does not remember you: its cookie is missing, or it was started anew since you began.",
    "An app keeps what belongs to a request (state, code_verifier) with the browser that it sent away. "
    "An answer without it could have been planted by anybody, so PhotoPrint takes none.",
    HTTPStatus.BAD_REQUEST,
)
ANSWERED = Problem(
    "This question was answered before",
    "PhotoPrint has its answer already and takes no second one for the same request.",
    "A state is good for one answer. Start over, and PhotoPrint makes a new one.",
    HTTPStatus.BAD_REQUEST,
    step=2,
)
TOO_EARLY = Problem(
    "There is nothing to see here yet",
    "This step comes later.",
    "Each step needs what the one before it brought.",
    HTTPStatus.CONFLICT,
)
NOT_ANSWERING = Problem(
    "Tallystick does not answer",
    "PhotoPrint cannot reach the authorization server, or what it said makes no sense.",
    "Nothing is lost: try again in a moment. PhotoPrint knows no more than the issuer's address and reads the rest "
    "from its metadata (RFC 8414).",
    HTTPStatus.BAD_GATEWAY,
)
FOREIGN_FORM = Problem(
    "That click came from another site",
    "A page elsewhere tried to press one of PhotoPrint's buttons. Nothing was done.",
    "Browsers say where a form comes from (Origin). PhotoPrint takes its own only.",
    HTTPStatus.FORBIDDEN,
)
NOT_FOUND = Problem("There is no such page", "Perhaps a letter is missing in the address.", "", HTTPStatus.NOT_FOUND)
BROKEN = Problem(
    "Something broke on our side",
    "PhotoPrint made a mistake. What went wrong is in its log.",
    "",
    HTTPStatus.INTERNAL_SERVER_ERROR,
)

_DENIED = Problem(
    "You said no, and that is that",
    "Tallystick told PhotoPrint that you did not approve. So PhotoPrint got no code, "
    "no token and no photos. You can change your mind whenever you like.",
    "Even a no comes back with state and iss, and PhotoPrint checked both. Nobody else can say no in your name.",
    HTTPStatus.OK,
    step=2,
)
_REFUSED_ANSWERS = {
    "state": Problem(
        "This answer belongs to another question",
        "The state that came back is not the one that PhotoPrint sent with this browser.",
        "Somebody could have sent you here with a code of their own, to have you work in their account. Or you started "
        "twice, in two tabs: then the second one counts.",
        HTTPStatus.BAD_REQUEST,
        step=2,
    ),
    "iss": Problem(
        "This answer comes from somebody else",
        "It does not name the issuer that PhotoPrint asked, so PhotoPrint sends the code nowhere (RFC 9207).",
        "An app that talks to several authorization servers could be tricked into giving the code of one to another. "
        "The issuer in the answer ends that.",
        HTTPStatus.BAD_REQUEST,
        step=2,
    ),
    "code": Problem(
        "There is nothing in this answer",
        "It carries neither a code nor an error.",
        "An authorization server answers with one of the two (RFC 6749 §4.1.2).",
        HTTPStatus.BAD_REQUEST,
        step=2,
    ),
}
_AUTHORIZATION_ERRORS = {
    "access_denied": _DENIED,
    "invalid_scope": Problem(
        "PhotoPrint asked for too much",
        "One of the scopes does not exist, or PhotoPrint may not ask for it.",
        "Which scopes a client may ask for stands in its registration; scopes are given or not, never widened later.",
        HTTPStatus.BAD_GATEWAY,
        step=2,
    ),
    "temporarily_unavailable": NOT_ANSWERING,
}
_TOKEN_ERRORS = {
    "invalid_grant": Problem(
        "What PhotoPrint traded in is worth nothing",
        "The code or the refresh token was used before, is too old, was withdrawn, or belongs to somebody else.",
        "Codes work once, and each refresh token has one successor. Whoever presents a spent one again may be a thief, "
        "so all that came of it ends with it. Start over and sign in again.",
        HTTPStatus.BAD_GATEWAY,
        step=3,
    ),
    "invalid_client": Problem(
        "Tallystick does not know this PhotoPrint",
        "Its client_id or its secret is not, or no longer, valid.",
        "A confidential client proves who it is each time that it asks for tokens.",
        HTTPStatus.BAD_GATEWAY,
        step=3,
    ),
}


def of_answer(refused: AnswerRefused) -> Problem:
    """Return the problem with an answer that failed a check."""
    return _REFUSED_ANSWERS[refused.reason]


def of_authorization(response: ErrorResponse) -> Problem:
    """Return the problem behind an error of the authorization endpoint (RFC 6749 §4.1.2.1)."""
    return _named(_AUTHORIZATION_ERRORS.get(response.error), response, step=2)


def of_token(response: ErrorResponse) -> Problem:
    """Return the problem behind an error of the token endpoint (RFC 6749 §5.2)."""
    return _named(_TOKEN_ERRORS.get(response.error), response, step=3)


def _named(problem: Problem | None, response: ErrorResponse, *, step: int) -> Problem:
    known = problem or Problem(
        "Tallystick said no",
        "It will not do what PhotoPrint asked.",
        "The error's name is for programs; its description is for whoever mends them.",
        HTTPStatus.BAD_GATEWAY,
    )
    said = f"{response.error}: {response.description}" if response.description else response.error
    return Problem(known.heading, known.explanation, known.lesson, known.status, said[:300], known.step or step)
