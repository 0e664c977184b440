import pytest

from local.gateway import Route, routes_of
from local.jwt_authorizer import JwtAuthorizer

URI = (
    "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:ap-southeast-2:1:function:intake:live/invocations"
)
INTEGRATION = {"x-amazon-apigateway-integration": {"uri": URI}}


def test_routes_come_from_the_open_api_document_with_their_authorizers() -> None:
    scheme = {
        "x-amazon-apigateway-authorizer": {
            "jwtConfiguration": {"issuer": "https://issuer", "audience": ["forecourt"]}
        }
    }
    body = {
        "components": {"securitySchemes": {"Jwt": scheme}},
        "paths": {
            "/api/admin/{proxy+}": {
                "x-amazon-apigateway-any-method": {**INTEGRATION, "security": [{"Jwt": ["read"]}]}
            },
            "/api/leads": {"post": INTEGRATION, "options": {"responses": {}}},
        },
    }

    leads, admin = routes_of(body)

    assert leads.key == "POST /api/leads"
    assert leads.function == "arn:aws:lambda:ap-southeast-2:1:function:intake:live"
    assert leads.authorizer is None
    assert admin.key == "ANY /api/admin/{proxy+}"
    assert admin.authorizer == JwtAuthorizer("https://issuer", ("forecourt",), ("read",))


@pytest.mark.parametrize(
    ("path", "asked", "variables"),
    [
        ("/api/leads", "/api/leads", {}),
        ("/api/leads", "/api/leads/1", None),
        ("/api/leads", "/api/leadsX", None),
        ("/a/{id}", "/a/1", {"id": "1"}),
        ("/a/{id}", "/a/1/2", None),
        ("/a/{id}/b", "/a/1/b", {"id": "1"}),
        ("/a/{proxy+}", "/a/1/2", {"proxy": "1/2"}),
        ("/a/{proxy+}", "/a/", None),
        ("/a.b", "/aXb", None),
        ("$default", "/anything", {}),
    ],
)
def test_a_path_matches_as_in_the_gateway(
    path: str, asked: str, variables: dict[str, str] | None
) -> None:
    assert Route("ANY", path, "f", None).match("GET", asked) == variables


def test_a_method_matches_itself_and_any() -> None:
    assert Route("POST", "/a", "f", None).match("GET", "/a") is None
    assert Route("ANY", "/a", "f", None).match("GET", "/a") == {}


def test_the_most_specific_route_comes_first() -> None:
    paths = ["$default", "/a/{proxy+}", "/a/{id}", "/a/b"]
    document = {"paths": {path: {"x-amazon-apigateway-any-method": INTEGRATION} for path in paths}}
    document["paths"]["/a/b"]["get"] = INTEGRATION

    keys = [route.key for route in routes_of(document)]

    assert keys == ["GET /a/b", "ANY /a/b", "ANY /a/{id}", "ANY /a/{proxy+}", "$default"]
