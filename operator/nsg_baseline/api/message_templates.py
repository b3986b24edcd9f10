"""Templates of a route's messages: title and body, in Jinja's syntax."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from nsg_baseline.api.cel import Cel, rules_of
from nsg_baseline.api.common import SpecShape, at

TITLE_LENGTH = 500
BODY_LENGTH = 4000
_WHICH = "title or body must be set"


class MessageTemplates(SpecShape):
    """Templates that replace the title and the body of messages about incidents."""

    model_config = ConfigDict(
        json_schema_extra=rules_of(Cel("has(self.title) || has(self.body)", _WHICH, ".title")),
    )

    title: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=TITLE_LENGTH),
        Field(
            description="Template of the title, in a subset of Jinja. Its result is one line. If unset, the title is "
            "the built-in one."
        ),
    ] = None
    body: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=BODY_LENGTH),
        Field(
            description="Template of the body, in a subset of Jinja. The key of the message follows it. If unset, the "
            "body is the built-in one."
        ),
    ] = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.title is None and self.body is None:
            raise at("title", _WHICH)
        return self


def merged(route: MessageTemplates | None, group: MessageTemplates | None) -> MessageTemplates | None:
    """Return the templates of a group of channels: its own ones, and those of the route for what it does not set."""
    if route is None or group is None:
        return group or route
    return MessageTemplates(title=group.title or route.title, body=group.body or route.body)
