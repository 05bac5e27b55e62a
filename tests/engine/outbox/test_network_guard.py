"""Which addresses webhooks may go to: every private network in every spelling is refused."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outbox.network_guard import BadTarget, NotPublic, is_public, read_target
from tests.engine.outbox.addresses import MALFORMED, PRIVATE, PUBLIC, URLS


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_no_public_network_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_that_the_standard_library_finds_private_is_refused(
    address: ipaddress.IPv4Address,
) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert not is_public(str(address))


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_that_hides_an_ipv4_address_or_is_private_is_refused(
    address: ipaddress.IPv6Address,
) -> None:
    if address.ipv4_mapped or address.sixtofour or address.teredo or not address.is_global:
        assert not is_public(str(address))


@given(st.text(max_size=40))
def test_what_is_no_address_is_not_public(text: str) -> None:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        assert not is_public(text)


@pytest.mark.parametrize("url", MALFORMED)
def test_a_url_that_no_webhook_can_have_is_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        read_target(url, allow_http=False)


@pytest.mark.parametrize("url", URLS)
def test_a_private_url_is_refused_or_read_as_the_address_it_means(url: str) -> None:
    try:
        target = read_target(url, allow_http=False)
    except NotPublic:
        return
    assert target.server_name == "localhost" or not is_public(target.host)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/hook"):
        try:
            target = read_target(url, allow_http=True)
        except (BadTarget, NotPublic):
            continue
        assert target.host
        assert target.host.isascii()
        assert 1 <= target.port <= 65_535
        assert target.path.startswith("/")


def test_a_url_is_taken_apart() -> None:
    target = read_target("https://Hooks.Example.:8443/a?b=c#d", allow_http=False)
    assert (target.scheme, target.host, target.port) == ("https", "hooks.example.", 8443)
    assert (target.path, target.server_name) == ("/a?b=c", "hooks.example")
    assert target.authority == "hooks.example.:8443"
    bare = read_target("https://bücher.example?x", allow_http=False)
    assert (bare.host, bare.path, bare.authority) == ("xn--bcher-kva.example", "/?x", bare.host)
    address = read_target("https://[2606:4700:0::1111]/", allow_http=False)
    assert address.authority == "[2606:4700::1111]"


def test_http_needs_leave() -> None:
    with pytest.raises(BadTarget, match="is not https"):
        read_target("http://shop.example/", allow_http=False)
    assert read_target("http://shop.example/", allow_http=True).port == 80
