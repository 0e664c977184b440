"""Shows that a layer of the template is importable in a sandbox."""

WORD = "from the layer"
