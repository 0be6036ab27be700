"""Signatures against AWS's published test suite (aws-sig-v4-test-suite) and the example of its documentation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.errors import SettingsError
from engine.remote.wire import WireRequest
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.dialects.sigv4 import Credentials, Scope, canonical_request, sign
from engine.secrets import Secret
from tests.engine.rerankers.remote.dialect_calls import call, row

CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SCOPE = Scope("us-east-1", "service")
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
    "hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX"
    "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

SUITE: dict[str, tuple[str, str, dict[str, str], bytes, str]] = {
    "get-vanilla": ("GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-utf8": ("GET", "/ሴ", {}, b"", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    "get-vanilla-utf8-query": (
        "GET",
        "/?ሴ=bar",
        {},
        b"",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "get-vanilla-query-order-key-case": (
        "GET",
        "/?Param2=value2&Param1=value1",
        {},
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-order-value": (
        "GET",
        "/?Param1=value2&Param1=value1",
        {},
        b"",
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ),
    "get-vanilla-query-order-encoded": (
        "GET",
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        {},
        b"",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ),
    "get-vanilla-query-unreserved": (
        "GET",
        f"/?{UNRESERVED}={UNRESERVED}",
        {},
        b"",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    "get-header-value-trim": (
        "GET",
        "/",
        {"My-Header1": " value1", "My-Header2": ' "a   b   c"'},
        b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-vanilla": ("POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-vanilla-query": (
        "POST",
        "/?Param1=value1",
        {},
        b"",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    "post-header-key-sort": (
        "POST",
        "/",
        {"My-Header1": "value1"},
        b"",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        "POST",
        "/",
        {"Content-Type": FORM},
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-x-www-form-urlencoded-parameters": (
        "POST",
        "/",
        {"Content-Type": f"{FORM}; charset=utf8"},
        b"Param1=value1",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
}


@pytest.mark.parametrize("name", SUITE)
def test_the_published_suite(name: str) -> None:
    method, target, headers, body, signature = SUITE[name]
    request = sign(WireRequest(method, f"https://example.amazonaws.com{target}", headers, body), CREDENTIALS, SCOPE, AT)
    names = ";".join(sorted({"host", "x-amz-date", *(header.lower() for header in headers)}))
    assert request.headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    assert request.headers["X-Amz-Date"] == "20150830T123600Z"


def test_a_session_token_is_sent_and_signed() -> None:
    credentials = Credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, TOKEN)
    request = sign(WireRequest("POST", "https://example.amazonaws.com/"), credentials, SCOPE, AT)
    assert request.headers["X-Amz-Security-Token"] == TOKEN
    assert request.headers["Authorization"].endswith(
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )


def test_the_documentation_s_own_example() -> None:
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    request = WireRequest("GET", url, {"Content-Type": f"{FORM}; charset=utf-8"})
    signed = sign(request, CREDENTIALS, Scope("us-east-1", "iam"), AT)
    assert signed.headers["Authorization"].endswith(
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


@pytest.mark.parametrize(("path", "canonical"), [("/model/a%3A0", "/model/a%253A0"), ("/model/a:0", "/model/a%3A0")])
def test_a_path_is_encoded_once_more_than_it_is_sent(path: str, canonical: str) -> None:
    request = WireRequest("POST", f"https://bedrock-runtime.us-east-1.amazonaws.com{path}")
    assert canonical_request(request, {}).split("\n")[1] == canonical


def test_time_is_utc_and_secrets_are_in_no_repr() -> None:
    there = AT.astimezone(timezone(timedelta(hours=9)))
    request = WireRequest("GET", "https://example.amazonaws.com/")
    assert sign(request, CREDENTIALS, SCOPE, there) == sign(request, CREDENTIALS, SCOPE, AT)
    assert "wJalr" not in repr(CREDENTIALS) + repr(sign(request, CREDENTIALS, SCOPE, AT))


def test_what_a_proxy_may_change_is_not_signed() -> None:
    asked = call(row("bedrock"), key=Secret("AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
    names = DIALECTS["bedrock"].request(asked).headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert names == "content-type;host;x-amz-date"


@pytest.mark.parametrize("key", ["AKIDEXAMPLE", "AKIDEXAMPLE:", ":secret-key-1234", "a:b:"])
def test_half_a_key_is_a_settings_error(key: str) -> None:
    with pytest.raises(SettingsError, match="ACCESS_KEY_ID:SECRET_ACCESS_KEY") as caught:
        DIALECTS["bedrock"].request(call(row("bedrock"), key=Secret(key)))
    assert "secret-key-1234" not in str(caught.value)


def test_a_region_is_needed() -> None:
    provider = row("bedrock", options={}, base="https://bedrock.example")
    with pytest.raises(SettingsError, match=r"providers\.bedrock\.options\.region"):
        DIALECTS["bedrock"].request(call(provider, key=Secret("AKID:secret-key-1234")))
