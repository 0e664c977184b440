"""Cut secrets and personal data out of text and payloads before they are logged or stored.

Two tools: :func:`redact` for sentences (error details, vendor messages, tracebacks) works by
pattern; :func:`redact_mapping` for payloads works by key first and by pattern on what is left.
Both cut too much rather than too little.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

REDACTED = "[redacted]"

_SHORT_SECRET = 4

_NAMES_OF_SECRETS = (
    r"client_?secret|client_?id|account_?secret|account_?number|password|passwd|pwd|secret|"
    r"api_?key|access_?token|refresh_?token|id_?token|token|x-site-key|site_?key|signature|sig|"
    r"x-amz-security-token|x-amz-signature|x-amz-credential|client_?assertion|private_?key|"
    r"certificate"
)

_AFTER_A_MESSAGE = r"\n\n(?:During handling|The above exception)|\Z"
_IN_ADDRESS = r"[^\s@<>\"'(),;:=&\[\]{}]"

# Each reads a text of n letters in about n steps: a vendor's message or a path may be made to hurt.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host
    (re.compile(r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"), REDACTED),
    # name=value, in a query string, a DSN or a form
    (
        re.compile(rf"(?i)\b({_NAMES_OF_SECRETS})(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s&;,\"'<>)]+)"),
        rf"\1\2{REDACTED}",
    ),
    # "name": "value", as JSON or as a Python repr
    (
        re.compile(
            rf"(?i)([\"'])({_NAMES_OF_SECRETS})\1(\s*:\s*)(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,}}\]]+)"
        ),
        rf"\1\2\1\3\1{REDACTED}\1",
    ),
    # What PostgreSQL quotes from the row it refused, which may go over several lines; up to where
    # Python's traceback goes on.
    (
        re.compile(rf"(?ms)^(DETAIL|CONTEXT):.*?(?={_AFTER_A_MESSAGE})"),
        rf"\1: {REDACTED}",
    ),
    (
        re.compile(
            rf"(?is)(invalid input (?:syntax|value)[^:\n]{{0,100}}: ).*?(?={_AFTER_A_MESSAGE})"
        ),
        rf"\1{REDACTED}",
    ),
    # A certificate's private key, as PEM or as the JSON text of one
    (
        re.compile(
            r"(?s)-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,20}PRIVATE KEY-----|\Z)"
        ),
        REDACTED,
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{1,2000}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), REDACTED),
    (re.compile(r"\bfk1\.\d+\.[A-Za-z0-9_-]+\.\d+\.[A-Za-z0-9_-]+"), REDACTED),
    # Begun only where a word begins and ended at the first @, or long words would be read again
    # from each of their letters.
    (
        re.compile(
            rf"(?<!{_IN_ADDRESS})(?:(?<!\w')|(?!\w))"
            rf"(?:(?!%40){_IN_ADDRESS}|(?<=\w)'(?=\w))++(?:@|%40){_IN_ADDRESS}+\.{_IN_ADDRESS}+"
        ),
        "[e-mail]",
    ),
    # +61 4.., (02) .., 04.. and 1300 / 1800 numbers, with blanks, dots or dashes in between
    (
        re.compile(
            r"(?<![\w.-])"
            r"(?:\+\d{1,3}[ .-]?(?:\(0\)[ .-]?)?|%2B\d{1,3}|\(0\d\)[ .-]?|0\d[ .-]?|1[38]00[ .-]?)"
            r"\d(?:[ .-]?\d){5,11}(?!-?\w)"
        ),
        "[phone]",
    ),
)

_SECRET_KEYS = frozenset({
    "clientid", "clientsecret", "accountnumber", "accountsecret", "password", "passwd", "secret",
    "token", "accesstoken", "refreshtoken", "idtoken", "authorization", "cookie", "setcookie",
    "apikey", "sitekey", "xsitekey", "signature", "credentials", "connectionstring", "dsn",
    "clientassertion", "privatekey", "certificate",
})  # fmt: skip

_PERSONAL_KEYS = frozenset({
    "name", "firstname", "lastname", "fullname", "contactname", "customername", "email",
    "emailaddress", "customeremail", "phone", "customerphone", "mobile", "customermobile", "fax",
    "customerfax", "telephone", "address", "customeraddress", "addressline", "line", "street",
    "city", "customercity", "addresscity", "postcode", "customerpostcode", "addresspostcode",
    "state", "customerstate", "addressstate", "message", "notes", "note", "comments", "company",
    "leadcustomer", "quotationcustomer1", "quotationcustomer2", "contacts", "abn", "body",
    "vehiclesourcepageurl", "sourcepageurl", "emailaddress1", "telephone1", "mobilephone",
    "companyname", "subject", "description", "jobtitle", "websiteurl", "address1line1",
    "address1line2", "address1line3", "address1city", "address1stateorprovince",
    "address1postalcode", "address1country",
})  # fmt: skip

type Secret = str | SecretStr


def redact(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Cut known secrets and whatever looks like a secret or personal data out of a text.

    Parameters
    ----------
    text
        Any text: a vendor's message, a traceback, a line of a log.
    secrets
        Values that must not appear, also percent-encoded or escaped as JSON; for what no pattern
        can tell, such as a UUID that is a client secret.

    Returns
    -------
    str
        The text with ``[redacted]``, ``[e-mail]`` and ``[phone]`` in place of what was cut.

    Examples
    --------
    >>> redact("POST /RequestToken?ClientID=a1&ClientSecret=b2 for sam@example.org")
    'POST /RequestToken?ClientID=[redacted]&ClientSecret=[redacted] for [e-mail]'
    """
    for form in _forms_of(secrets):
        text = form.sub(REDACTED, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_mapping(
    value: Any,  # noqa: ANN401 - any JSON value
    secrets: Iterable[Secret] = (),
    *,
    keep_personal: bool = False,
) -> Any:  # noqa: ANN401 - the same shape comes back
    """Copy a JSON-like value with secrets and personal data cut out, at any depth.

    A value under a key that names a secret or a person's data is replaced whole, None and
    emptiness stay visible (they identify nobody and explain refusals), every other text goes
    through :func:`redact`.

    Parameters
    ----------
    value
        Mappings, lists, tuples, texts, numbers; nothing is changed in place. Anything else, such
        as an exception or a date, comes back as its redacted text.
    secrets
        As for :func:`redact`.
    keep_personal
        Judge keys by secrets alone; for log fields, where ``message`` or ``state`` are ours.
    """
    return _redact_value(value, tuple(secrets), keep_personal=keep_personal)


def _redact_value(value: Any, secrets: tuple[Secret, ...], *, keep_personal: bool) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, Mapping):
        return {
            redact(str(key), secrets): (
                REDACTED
                if _names_hidden(str(key), keep_personal=keep_personal) and _says_something(item)
                else _redact_value(item, secrets, keep_personal=keep_personal)
            )
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item, secrets, keep_personal=keep_personal) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value), secrets)  # an exception, a date, a UUID: as it will be written


def _says_something(value: object) -> bool:
    return value is not None and value not in ("", {}, [])


def _names_hidden(key: str, *, keep_personal: bool) -> bool:
    bare = re.sub(r"[^a-z0-9]", "", key.lower())
    return bare in _SECRET_KEYS or (not keep_personal and bare in _PERSONAL_KEYS)


def _forms_of(secrets: Iterable[Secret]) -> list[re.Pattern[str]]:
    forms: set[str] = set()
    for secret in secrets:
        plain = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
        if plain.strip():
            forms |= {plain, quote(plain, safe=""), quote_plus(plain), json.dumps(plain)[1:-1]}
    # Longest first, so that a secret that contains another one leaves no remainder.
    return [_form_pattern(form) for form in sorted(forms, key=len, reverse=True)]


def _form_pattern(form: str) -> re.Pattern[str]:
    # A very short secret is cut only where it stands alone; anywhere else it is no clue to it.
    edges = (r"(?<!\w)", r"(?!\w)") if len(form) < _SHORT_SECRET else ("", "")
    return re.compile(edges[0] + re.escape(form) + edges[1], re.IGNORECASE)
