"""What an operator may change about the pages, for the whole deployment or for one client."""

import base64
from dataclasses import dataclass

LOGO_LIMIT = 64 * 1024
"""The largest logo, in bytes: it travels inside every page."""


@dataclass(frozen=True, slots=True)
class Branding:
    """Title, logo, header and footer of the pages.

    None leaves a field to the default below; an empty text shows nothing there. Raises ValueError for a logo that
    `check_logo` refuses, so that no page can carry one.
    """

    title: str | None = None
    logo: bytes | None = None
    header: str | None = None
    footer: str | None = None

    def __post_init__(self) -> None:
        if self.logo is not None:
            check_logo(self.logo)

    def over(self, default: "Branding") -> "Branding":
        """Return this branding with its unset fields taken from `default`."""
        return Branding(
            title=default.title if self.title is None else self.title,
            logo=default.logo if self.logo is None else self.logo,
            header=default.header if self.header is None else self.header,
            footer=default.footer if self.footer is None else self.footer,
        )

    def logo_uri(self) -> str | None:
        """Return the logo as a data: URI (RFC 2397), None if there is none."""
        if self.logo is None:
            return None
        return f"data:{logo_media_type(self.logo)};base64,{base64.b64encode(self.logo).decode('ascii')}"


def check_logo(logo: bytes) -> None:
    """Raise ValueError, with a line that says what to do, unless `logo` is a small PNG, JPEG or WebP image."""
    if len(logo) > LOGO_LIMIT:
        raise ValueError(f"logo is {len(logo)} bytes; use an image of at most {LOGO_LIMIT} bytes")
    logo_media_type(logo)


def logo_media_type(logo: bytes) -> str:
    """Return the media type that the first bytes of `logo` show, whatever its sender calls it.

    SVG is refused on purpose: it is a document with scripts and links, not a picture.
    """
    # PNG §5.2 and §5.6: the signature, then IHDR, 13 bytes long, before any other chunk.
    if logo.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"):
        return "image/png"
    # JPEG (T.81 §B.1.1): start of image, then the first byte of another marker.
    if logo.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    # RFC 9649 §2.4-2.7: a RIFF container of form WEBP whose first chunk is lossy, lossless or extended.
    if logo[:4] == b"RIFF" and logo[8:12] == b"WEBP" and logo[12:16] in {b"VP8 ", b"VP8L", b"VP8X"}:
        return "image/webp"
    raise ValueError("logo is not an image that the pages can show; use a PNG, JPEG or WebP file")
