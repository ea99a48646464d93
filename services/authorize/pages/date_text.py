"""Dates as people write them."""

from datetime import UTC, datetime

from services.authorize.pages.words import Words


def date_text(moment: datetime, words: Words) -> str:
    """Return the day of a moment, by UTC, as the catalogue's language writes it."""
    day = moment.astimezone(UTC)
    return words.date.format(day=day.day, month=words.months[day.month - 1], year=day.year)
