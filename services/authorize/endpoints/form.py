"""What browsers send us: forms of our own pages, and the id of an interaction in an address."""

from dataclasses import dataclass

from fastapi import Request

from services.authorize.csrf import form_token, is_form_token
from services.authorize.errors import ShownHere
from services.authorize.pages.error_kind import ErrorKind
from tallystick.oauth2.parameters import MalformedForm, Parameters, parse_form
from tallystick.runtime.http import BodyTooLarge, read_body

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """A form that came from a page of our own origin. Whether it may be acted on is seen by `check_token`."""

    parameters: Parameters

    def value(self, name: str) -> str:
        """Return a field's value, empty when it is absent; raise `ShownHere` when it was sent twice."""
        if self.parameters.repeated(name):
            raise _refused(f"{name} is repeated")
        return next(iter(self.parameters.all(name)), "")

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of the check boxes of this name that are ticked."""
        return self.parameters.all(name)

    def check_token(self, form: str, *, browser: str, session: str = "") -> None:
        """Return when this is the form that this browser was given; raise `ShownHere` otherwise."""
        expected = form_token(form, browser=browser, interaction=self.value("interaction"), session=session)
        if not browser or not is_form_token(self.value("csrf"), expected):
            raise _refused("the form's token does not fit")


async def read_form(request: Request, *, origin: str) -> Form:
    """Read a form that was posted by a page of this origin; raise `ShownHere` for any other."""
    if request.headers.getlist("origin") != [origin]:
        raise _refused("the form was posted from another origin")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise _refused("the body is no form")
    try:
        return Form(parse_form(await read_body(request.receive)))
    except BodyTooLarge:
        raise ShownHere(ErrorKind.TOO_LARGE) from None
    except MalformedForm as error:
        raise _refused(f"the form is malformed: {error}") from None
    except ConnectionError:
        raise _refused("the browser went away") from None


def interaction_in_address(request: Request) -> str:
    """Return the interaction's id from the query; raise `ShownHere` when there is not exactly one."""
    interaction_id = interaction_if_any(request)
    if not interaction_id:
        raise ShownHere(ErrorKind.NOT_FOUND)
    return interaction_id


def interaction_if_any(request: Request) -> str:
    """Return the interaction's id from the query, empty when there is none; raise `ShownHere` when it is repeated."""
    parameters = _query(request)
    if parameters.repeated("interaction"):
        raise ShownHere(ErrorKind.NOT_FOUND)
    return next(iter(parameters.all("interaction")), "")


def is_in_address(request: Request, name: str) -> bool:
    """Tell whether the query names something; its value is not looked at."""
    return any(key == name for key, _ in _query(request).pairs)


def _query(request: Request) -> Parameters:
    try:
        return parse_form(request.scope["query_string"])
    except MalformedForm:
        raise ShownHere(ErrorKind.NOT_FOUND) from None


def _refused(detail: str) -> ShownHere:
    return ShownHere(ErrorKind.FORM_REFUSED, detail=detail)
