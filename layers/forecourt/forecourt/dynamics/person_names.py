"""Part a name as typed into the two columns Dataverse has for it."""

# Small words that begin a family name: "Ludwig van Beethoven", "Ana de la Cruz". Only as written
# here, in small letters: "Van" and "Ben" are first names as well.
_PARTICLES = frozenset({
    "af", "al", "ap", "av", "ben", "bin", "bint", "da", "dal", "das", "de", "degli", "dei", "del",
    "della", "den", "der", "des", "di", "do", "dos", "du", "el", "ibn", "la", "le", "ten", "ter",
    "van", "vom", "von", "zu", "zum", "zur",
})  # fmt: skip


def split_name(name: str) -> tuple[str | None, str | None]:
    """Part a name into first and last name; together they hold every word of it.

    The last word is the family name, with the particles before it; a single word is one as a whole,
    as the last name is the one Dataverse wants. "Family, First" is read as it is written where one
    family name stands before the comma.

    Examples
    --------
    >>> split_name("Siobhán Mary O'Connor")
    ('Siobhán Mary', "O'Connor")
    >>> split_name("Ludwig van Beethoven")
    ('Ludwig', 'van Beethoven')
    >>> split_name("Jürgen")
    (None, 'Jürgen')
    >>> split_name("O'Brien, Zoë")
    ('Zoë', "O'Brien")
    """
    family, comma, given = name.partition(",")
    if comma and "," not in given and given.strip() and _begin_of_family_name(family.split()) == 0:
        return " ".join(given.split()), " ".join(family.split())
    words = name.split()
    if not words:
        return None, None
    begin = _begin_of_family_name(words) or (1 if len(words) > 1 else 0)
    return " ".join(words[:begin]) or None, " ".join(words[begin:])


def _begin_of_family_name(words: list[str]) -> int | None:
    """Return at which word the family name begins; None where there are no words."""
    if not words:
        return None
    begin = len(words) - 1
    while begin > 0 and words[begin - 1] in _PARTICLES:
        begin -= 1
    return begin
