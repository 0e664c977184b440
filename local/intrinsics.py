"""CloudFormation's intrinsic functions, resolved against resources that run on this machine.

Source: AWS CloudFormation User Guide, "Intrinsic function reference".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local.failures import StackError

_PLACEHOLDER = re.compile(r"\$\{(!?)([^${}]+)\}")


class ResourceNames(Protocol):
    """Where the names of resources come from."""

    def ref(self, logical_id: str) -> Any:  # noqa: ANN401 - a Ref may be of any JSON type
        """Return what ``Ref`` gives for a resource."""

    def attribute(self, logical_id: str, name: str) -> Any:  # noqa: ANN401 - any JSON type
        """Return what ``Fn::GetAtt`` gives."""


class _NoValue:
    """What ``AWS::NoValue`` resolves to; the property that holds it is left out."""


_NO_VALUE = _NoValue()


class Resolver:
    """Replaces every intrinsic function in a template fragment by its value.

    Parameters
    ----------
    parameters
        Parameter values by name, and pseudo parameters (``AWS::Region`` …).
    conditions, mappings
        The template's sections of that name.
    imports
        Exported values by export name, for ``Fn::ImportValue``.
    names
        Answers ``Ref`` and ``Fn::GetAtt`` of resources.
    """

    def __init__(
        self,
        *,
        parameters: Mapping[str, Any],
        conditions: Mapping[str, Any],
        mappings: Mapping[str, Any],
        imports: Mapping[str, str],
        names: ResourceNames,
    ) -> None:
        self._parameters = parameters
        self._conditions = conditions
        self._mappings = mappings
        self._imports = imports
        self._names = names
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::Equals": self._equals,
            "Fn::And": lambda operands: all(self.resolve(o) for o in operands),
            "Fn::Or": lambda operands: any(self.resolve(o) for o in operands),
            "Fn::Not": lambda operands: not self.resolve(operands[0]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::ImportValue": self._import_value,
            "Fn::Base64": lambda text: base64.b64encode(str(self.resolve(text)).encode()).decode(),
        }

    def resolve(self, fragment: Any) -> Any:  # noqa: ANN401 - a fragment is any JSON value
        """Return the fragment with every intrinsic function replaced.

        Raises
        ------
        StackError
            When the fragment uses a function, parameter, map or import that is not known here.
        """
        if isinstance(fragment, Mapping):
            if len(fragment) == 1:
                name, argument = next(iter(fragment.items()))
                is_condition = name != "Condition" or isinstance(argument, str)
                if name in self._functions and is_condition:
                    return self._functions[name](argument)
                if isinstance(name, str) and name.startswith("Fn::"):
                    message = f"template.yaml uses {name}, which the embedded stack does not know."
                    raise StackError(message)
            resolved = {str(key): self.resolve(value) for key, value in fragment.items()}
            return {key: value for key, value in resolved.items() if value is not _NO_VALUE}
        if isinstance(fragment, list):
            items = (self.resolve(item) for item in fragment)
            return [item for item in items if item is not _NO_VALUE]
        return fragment

    def condition(self, name: str) -> bool:
        """Return whether the condition of that name holds."""
        if name not in self._conditions:
            message = f"template.yaml names the condition {name}, which it does not define."
            raise StackError(message)
        return bool(self.resolve(self._conditions[name]))

    def _ref(self, name: str) -> Any:  # noqa: ANN401
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self._parameters:
            return self._parameters[name]
        return self._names.ref(name)

    def _get_att(self, argument: str | list[Any]) -> Any:  # noqa: ANN401
        if isinstance(argument, str):
            logical_id, _, attribute = argument.partition(".")
        else:
            logical_id, attribute = argument[0], str(self.resolve(argument[1]))
        return self._names.attribute(logical_id, attribute)

    def _sub(self, argument: str | list[Any]) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return str(self.resolve(variables[name]))
            if "." in name:
                return str(self._get_att(name))
            return str(self._ref(name))

        return _PLACEHOLDER.sub(replace, text)

    def _join(self, argument: list[Any]) -> str:
        separator, items = argument
        return str(separator).join(str(item) for item in self.resolve(items))

    def _select(self, argument: list[Any]) -> Any:  # noqa: ANN401
        index, items = argument
        return self.resolve(items)[int(self.resolve(index))]

    def _split(self, argument: list[Any]) -> list[str]:
        separator, text = argument
        return str(self.resolve(text)).split(str(separator))

    def _if(self, argument: list[Any]) -> Any:  # noqa: ANN401
        name, when_true, when_false = argument
        return self.resolve(when_true if self.condition(name) else when_false)

    def _equals(self, argument: list[Any]) -> bool:
        left, right = (str(self.resolve(side)) for side in argument)
        return left == right

    def _find_in_map(self, argument: list[Any]) -> Any:  # noqa: ANN401
        keys = [str(self.resolve(key)) for key in argument[:3]]
        found: Any = self._mappings
        for key in keys:
            if key not in found:
                message = f"template.yaml looks for {' / '.join(keys)} in a map that has no {key}."
                raise StackError(message)
            found = found[key]
        return found

    def _import_value(self, argument: Any) -> str:  # noqa: ANN401
        name = str(self.resolve(argument))
        if name not in self._imports:
            message = f"template.yaml imports {name}, which nothing on this machine exports."
            raise StackError(message)
        return self._imports[name]
