"""The columns of Evergreen: of its patron loader, and of exports from actor.usr and actor.usr_address."""

from patrongraph.imports.formats.names import WHO, Dialect

EVERGREEN = Dialect(
    names={
        "external_id": ["id"],
        "barcode": ["cardnumber", "barcode"],
        "username": ["usrname"],
        "first_name": ["first_given_name"],
        "middle_name": ["second_given_name"],
        "last_name": ["family_name"],
        "preferred_name": ["pref_first_given_name"],
        "date_of_birth": ["dob"],
        "email": ["email"],
        "phone": ["day_phone", "evening_phone", "other_phone"],
        "street": ["add1_street1", "street1", "add1_street2", "street2"],
        "postal_code": ["add1_post_code", "post_code"],
        "city": ["add1_city", "city"],
        "region": ["add1_state", "state"],
        "country": ["add1_country", "country"],
        "category": ["profile"],
        "branch": ["home_library", "home_ou"],
        "registered_at": ["create_date"],
        "expires_on": ["expire_date"],
        "enabled": ["active"],
    },
    needed=WHO,
    first_filled=frozenset({"phone"}),
    parts={"street": [["add1_street1"], ["add1_street2"], ["street1"], ["street2"]]},
    respelled=True,
)
