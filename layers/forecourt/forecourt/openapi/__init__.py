"""The OpenAPI 3.1 document of every HTTP route, served at ``/api/openapi.json``.

What goes in comes from the models that check it; what comes out is written down here.
"""
