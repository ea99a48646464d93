"""HTML pages as a program without a browser reads them: their forms, with what a submission would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

Field = tuple[str, str]
"""A name and its value."""


@dataclass(slots=True)
class Form:
    """A form: where it goes, its fields as they stand, its ticked and unticked check boxes and its buttons by id."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)
    boxes: list[Field] = field(default_factory=list)
    buttons: dict[str, Field] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Return the names of fields and check boxes."""
        return {name for name, _ in (*self.fields, *self.boxes)}

    def filled(self, values: dict[str, str], *, button: str) -> list[Field]:
        """Return what is sent when these values are typed, no check box is ticked, and the button is pressed."""
        missing = values.keys() - self.names()
        if missing or button not in self.buttons:
            raise AssertionError(f"the form lacks {missing or button}: {self}")
        typed = [(name, values.get(name, value)) for name, value in self.fields]
        return [*typed, self.buttons[button]] if self.buttons[button][0] else typed


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes.get("action", ""), attributes.get("method", "get").lower()))
        elif tag in {"input", "button"} and self.forms:
            self._read_control(tag, attributes)

    def _read_control(self, tag: str, attributes: dict[str, str]) -> None:
        form, control = self.forms[-1], (attributes.get("name", ""), attributes.get("value", ""))
        if tag == "button" or attributes.get("type") == "submit":
            form.buttons[attributes.get("id", "")] = control
        elif attributes.get("type") == "checkbox":
            form.boxes.append(control)
        else:
            form.fields.append(control)


def forms(html: str) -> list[Form]:
    """Return the forms of a page."""
    reader = _FormReader()
    reader.feed(html)
    return reader.forms


def only_form(html: str) -> Form:
    """Return the form of a page that has exactly one."""
    found = forms(html)
    if len(found) != 1:
        raise AssertionError(f"the page has {len(found)} forms:\n{html}")
    return found[0]
