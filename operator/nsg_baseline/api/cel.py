"""CEL rules of the models, with their messages, for the CRDs.

The API server estimates the cost of a rule from the `max...` bounds of the schema, and rejects CRDs whose rules are too
expensive. A rule that compares the items of a long list with each other exceeds the limit; see `validation`.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

RULES = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Cel:
    """One rule. As metadata of an annotated type it checks the value; `rules_of` attaches it to a whole model.

    Attributes:
        rule: the expression; `self` is the value.
        message: the message for the user: the requirement, and how to meet it.
        field: the field below the value that the error names, such as `.sourceAddressPrefix`.
    """

    rule: str
    message: str
    field: str = ""

    def document(self) -> dict[str, str]:
        """Return the rule in the format of a schema."""
        path = {"fieldPath": self.field} if self.field else {}
        return {"rule": self.rule, "message": self.message, **path}

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the rule to the value's schema."""
        schema = handler(core)
        schema[RULES] = [*schema.get(RULES, ()), self.document()]
        return schema


@dataclass(frozen=True, slots=True, eq=False)  # metadata of types must be hashable, and a dict is not
class Extra:
    """Additional keywords of a value's schema, such as `x-kubernetes-list-type`."""

    keywords: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the keywords to the value's schema."""
        return {**handler(core), **self.keywords}


def rules_of(*rules: Cel) -> dict[str, Any]:
    """Return the `json_schema_extra` of a model with these rules."""
    return {RULES: [rule.document() for rule in rules]}
