"""`GET /widget.js`, its parts and `GET /stub.js`: the scripts that pages of other origins load."""

import gzip
from pathlib import Path

import pytest

from server.assets import STATIC
from server.call import Call
from server.errors import ApiError
from server.routes.scripts import Scripts
from tests.server.running import TestServer

pytestmark = pytest.mark.anyio


def call_of(server: TestServer) -> Call:
    return Call(server.parts.app.services, "req_1", server.clock.now_ms(), {}, {})


CLASSIC = ("/widget.js", "/stub.js")
MODULES = ("/booking.js", "/sound.js")


@pytest.mark.parametrize("path", [*CLASSIC, *MODULES])
async def test_a_page_of_any_origin_may_load_it(server: TestServer, path: str) -> None:
    answered = await server.send("GET", path, headers={"accept-encoding": "gzip"})
    assert answered.status == 200
    # The client has unpacked it.
    assert answered.body == (STATIC / path[1:]).read_bytes()
    headers = answered.headers
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["etag"].startswith('"')
    # The widget imports its parts as modules, which browsers ask for by the rules of other origins.
    leave = "*" if path in MODULES else None
    assert headers.get("access-control-allow-origin") == leave
    assert "set-cookie" not in headers


async def test_whoever_has_it_is_answered_304(server: TestServer) -> None:
    first = await server.send("GET", "/widget.js")
    again = await server.send("GET", "/widget.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-length" not in again.headers


async def test_head_tells_all_but_the_script(server: TestServer) -> None:
    got = await server.send("GET", "/widget.js")
    head = await server.send("HEAD", "/widget.js")
    assert head.status == 200
    for name in ("etag", "content-length", "content-type", "cache-control", "vary"):
        assert head.headers[name] == got.headers[name]


async def test_another_method_is_told_which_there_are(server: TestServer) -> None:
    answered = await server.send("POST", "/widget.js", {})
    assert (answered.status, answered.headers["allow"]) == (405, "GET, HEAD")


async def test_it_is_answered_from_memory(server: TestServer, tmp_path: Path) -> None:
    (tmp_path / "widget.js").write_bytes(b"first")
    scripts = Scripts(tmp_path)
    assert (await scripts.widget(call_of(server))).body == b"first"
    (tmp_path / "widget.js").unlink()
    assert (await scripts.widget(call_of(server))).body == b"first"


async def test_a_checkout_without_the_built_script_says_how_to_build_it(
    server: TestServer, tmp_path: Path
) -> None:
    with pytest.raises(ApiError) as refused:
        await Scripts(tmp_path).stub(call_of(server))
    assert refused.value.status == 404
    assert "npm --prefix web run build" in refused.value.message


@pytest.mark.parametrize("name", ["widget.js", "booking.js", "sound.js", "stub.js"])
def test_what_lies_beside_a_script_is_the_script(name: str) -> None:
    assert gzip.decompress((STATIC / f"{name}.gz").read_bytes()) == (STATIC / name).read_bytes()
    assert (STATIC / f"{name}.br").exists()


@pytest.mark.parametrize(
    ("name", "bytes_max"), [("widget.js", 12_000), ("booking.js", 1_200), ("sound.js", 300)]
)
def test_a_script_weighs_no_more_than_was_promised(name: str, bytes_max: int) -> None:
    assert len((STATIC / f"{name}.gz").read_bytes()) <= bytes_max
    assert len((STATIC / f"{name}.br").read_bytes()) <= bytes_max
