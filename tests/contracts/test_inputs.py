"""What the schema lets clients write, a resolver can read."""

from strawberry.types.base import StrawberryMaybe, StrawberryObjectDefinition, StrawberryOptional

from patrongraph.schema import schema


def test_what_may_be_left_out_may_be_null_and_is_refused_in_words() -> None:
    """Strawberry ends a null for a Maybe that takes none with an error that is nobody's fault but ours."""
    inputs = [
        concrete.definition
        for concrete in schema.schema_converter.type_map.values()
        if isinstance(concrete.definition, StrawberryObjectDefinition) and concrete.definition.is_input
    ]
    maybes = [
        (one.name, field.name, field.type)
        for one in inputs
        for field in one.fields
        if isinstance(field.type, StrawberryMaybe)
    ]
    assert len(maybes) > 30
    assert [names for *names, type_ in maybes if not isinstance(type_.of_type, StrawberryOptional)] == []
