"""The words of the widget's interface: all of them in every language, chosen by the first locale that is known."""

import pytest
from msgspec.structs import astuple

from server.widget_strings import LANGUAGES, language_of


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_everything(code: str) -> None:
    language = language_of(code)
    assert language.locale == code
    assert all(text.strip() for text in astuple(language.words))
    assert ("#" in language.words.wait, "#" in language.words.joined) == (True, True)
    others = [text for text in astuple(language.words) if "#" in text]
    assert len(others) == 2


@pytest.mark.parametrize(
    ("locales", "locale", "write"),
    [
        (("de-AT",), "de-AT", "Nachricht schreiben"),
        (("DE_at",), "DE-at", "Nachricht schreiben"),
        ((None, "", "fr"), "fr", "Écrire un message"),
        (("tlh", "es-MX", "de"), "es-MX", "Escribe un mensaje"),
        (("no",), "no", "Skriv en melding"),
        (("tlh", None), "en", "Write a message"),
        ((), "en", "Write a message"),
    ],
)
def test_the_first_locale_that_is_known_is_spoken(
    locales: tuple[str | None, ...], locale: str, write: str
) -> None:
    language = language_of(*locales)
    assert (language.locale, language.words.write) == (locale, write)


@pytest.mark.parametrize(
    ("locale", "direction"), [("ar-EG", "rtl"), ("he", "rtl"), ("iw", "rtl"), ("ja", "ltr")]
)
def test_a_language_is_written_in_its_direction(locale: str, direction: str) -> None:
    assert language_of(locale).direction == direction
