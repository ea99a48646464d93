import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.oauth2.errors import InvalidRequest
from tallystick.oauth2.parameters import MalformedForm, form_decode, parse_form


def test_the_form_encoding_of_rfc_6749() -> None:
    """Appendix B's example decodes to its six characters (V-03, GEN-05)."""
    assert form_decode(b"+%25%26%2B%C2%A3%E2%82%AC") == " %&+£€"


def test_values_keep_every_byte() -> None:
    """Names and values are case-sensitive and keep equal signs and ampersands that were encoded (GEN-04)."""
    form = parse_form(b"state=a%26b%3Dc%3D&Grant_Type=x")
    assert form.required("state") == "a&b=c="
    assert form.optional("grant_type") is None


@pytest.mark.parametrize("body", [b"code", b"code=", b"", b"&&", b"code=&x=1"])
def test_an_empty_value_counts_as_absent(body: bytes) -> None:
    """A parameter without value is as if it had not been sent (GEN-04)."""
    form = parse_form(body)
    assert form.optional("code") is None
    with pytest.raises(InvalidRequest):
        form.required("code")


@pytest.mark.parametrize("body", [b"scope=a&scope=a", b"scope=a&scope=", b"scope=&scope=", b"scope=a&x=1&scop%65=b"])
def test_a_repeated_parameter_is_refused_when_read(body: bytes) -> None:
    """A known parameter sent twice is an error whatever its values are (GEN-03)."""
    form = parse_form(body)
    with pytest.raises(InvalidRequest, match="scope must not be repeated"):
        form.optional("scope")


def test_unknown_parameters_may_repeat() -> None:
    """What nobody reads is ignored (GEN-04)."""
    assert parse_form(b"zz=1&zz=2&code=1").required("code") == "1"


def test_resource_may_repeat() -> None:
    """`resource` keeps all its values in order (RI-02)."""
    assert parse_form(b"resource=a&resource=&resource=b").all("resource") == ("a", "b")


@pytest.mark.parametrize(
    "body", [b"a=%", b"a=%2", b"a=%zz", b"%f=1", b"a=%ff", b"a=\xff", b"a=%00", b"a=\x00", b"a=%C3"]
)
def test_what_cannot_be_decoded_is_refused(body: bytes) -> None:
    """A broken escape, bad UTF-8 or a NUL is an error and is never guessed at (GEN-06)."""
    with pytest.raises(MalformedForm):
        parse_form(body)


def test_too_many_parameters_are_refused() -> None:
    """A form has a ceiling (GEN-13)."""
    with pytest.raises(MalformedForm):
        parse_form(b"&".join(b"a%d=1" % n for n in range(101)))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_verdict(body: bytes) -> None:
    """No bytes make the parser fail in another way (GEN-06)."""
    try:
        form = parse_form(body)
    except MalformedForm:
        return
    assert all("\0" not in name + value for name, value in form.pairs)
