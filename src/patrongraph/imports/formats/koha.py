"""The columns of Koha's patron import tool, which are those of its table of borrowers."""

from patrongraph.imports.formats.names import WHO, Dialect

KOHA = Dialect(
    names={
        "external_id": ["borrowernumber"],
        "barcode": ["cardnumber"],
        "username": ["userid"],
        "first_name": ["firstname"],
        "middle_name": ["middle_name"],
        "last_name": ["surname"],
        "preferred_name": ["preferred_name"],
        "date_of_birth": ["dateofbirth"],
        "email": ["email", "emailpro"],
        "phone": ["phone", "mobile", "phonepro", "smsalertnumber"],
        "street": ["address", "address2", "streetnumber", "streettype"],
        "postal_code": ["zipcode"],
        "city": ["city"],
        "region": ["state"],
        "country": ["country"],
        "category": ["categorycode"],
        "branch": ["branchcode"],
        "registered_at": ["dateenrolled"],
        "expires_on": ["dateexpiry"],
        "notes": ["borrowernotes"],
    },
    needed=WHO,
    first_filled=frozenset({"email", "phone"}),
    parts={"street": [["streetnumber", "address", "streettype"], ["address2"]]},
    respelled=True,
)
