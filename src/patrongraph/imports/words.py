"""Invented names, streets and titles for demo.py; beside the six names because it is only data."""

FIRST_NAMES = (
    "Ada", "Agnes", "Albin", "Alice", "Amélie", "Anders", "Anja", "Arvid", "Astrid", "Axel", "Beatrice",
    "Björn",
    "Britta", "Carl", "Cecilia", "Chloë", "Clara", "Daniel", "Edith", "Elif", "Ella", "Elsa", "Emil",
    "Erik", "Esther",
    "Fatima", "Folke", "Frances", "Frida", "George", "Greta", "Göran", "Hanna", "Harriet", "Hedda", "Henry",
    "Hugo",
    "Håkan", "Ida", "Ines", "Isaac", "Jane", "Jens", "Jonas", "José", "Julia", "Kajsa", "Karin", "Karl",
    "Lars",
    "Leila", "Leo", "Linnéa", "Lovisa", "Lucía", "Maja", "Malin", "Maria", "Märta", "Matilda", "Mikael",
    "Mohammed",
    "Moa", "Måns", "Nils", "Noah", "Nora", "Oliver", "Olle", "Oskar", "Pär", "Per", "Ragnar", "Renée",
    "Rosa", "Ruth",
    "Saga", "Samuel", "Sara", "Sigrid", "Siân", "Sofia", "Stina", "Sven", "Thea", "Theo", "Thomas", "Tove",
    "Tuva",
    "Ulla", "Vera", "Viktor", "Viola", "William", "Wilma", "Yasmin", "Zoë", "Åke", "Åsa", "Östen",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Adler", "Ahlgren", "Ahmed", "Almqvist", "Andersson", "Archer", "Ashby", "Bäckman", "Baker",
    "Barnes",
    "Beckett", "Berg", "Bergström", "Björk", "Blom", "Boström", "Bright", "Brontë", "Carlsson", "Carter",
    "Castro",
    "Chapman", "Cole", "Dahl", "Dahlström", "Dubois", "Ek", "Ekström", "Eliasson", "Engström", "Ericsson",
    "Faber",
    "Farah", "Fischer", "Fletcher", "Forsberg", "Fox", "Fransson", "García", "Grant", "Green", "Gustafsson",
    "Håkansson", "Hansson", "Harper", "Hedlund", "Hill", "Holm", "Holmgren", "Hughes", "Ibrahim", "Jansson",
    "Johansson",
    "Jönsson", "Karlsson", "Kaya", "Kim", "Knight", "Lagerlöf", "Larsson", "Lind", "Lindqvist", "Lundgren",
    "Marsh",
    "Mårtensson", "Mason", "Möller", "Moreau", "Müller", "Nguyen", "Nilsson", "Norberg", "Novák", "Nyström",
    "O'Brien",
    "Öberg", "Olsson", "Östlund", "Page", "Palm", "Parker", "Pérez", "Persson", "Quist", "Reed", "Sandberg",
    "Shaw",
    "Sjöberg", "Smith", "Sørensen", "Stone", "Ström", "Svensson", "Taylor", "Wallin", "Ward", "Wood", "Åberg",
    "Åkesson", "Ångström",
)  # fmt: skip
STREETS = (
    "Björkgatan", "Church Lane", "Drottninggatan", "Elm Street", "Fågelvägen", "Granitvägen", "Harbour Road",
    "Hörngatan", "Kyrkogatan", "Linden Avenue", "Mill Lane", "Norra vägen", "Oak Street", "Rådhustorget",
    "School Road", "Sjögatan", "Station Road", "Storgatan", "Vasagatan", "Ängsvägen",
)  # fmt: skip
CITIES = (
    "Björkvik", "Elmwood", "Fågelsta", "Granby", "Hörnsjö", "Linden", "Marshfield", "Norrdal", "Sjöbacka",
    "Westhaven",
)  # fmt: skip
LIBRARIES = ("Elmwood", "Björkvik", "Marshfield", "Norrdal", "Westhaven", "Hörnsjö", "Linden", "Granby")
BRANCHES = (("MAIN", "Main Library"), ("EAST", "East Branch"), ("WEST", "West Branch"), ("BUS", "Book Bus"))
CATEGORIES = ("ADULT", "ADULT", "ADULT", "CHILD", "CHILD", "STUDENT", "SENIOR", "STAFF")
MATERIALS = ("BOOK", "BOOK", "BOOK", "BOOK", "AUDIOBOOK", "DVD", "PERIODICAL", "GAME")
TITLE_STARTS = (
    "A Short History of", "The Art of", "Notes on", "Letters from", "The Secret of", "A Field Guide to",
    "Songs of",
    "En bok om", "Berättelser från", "The Last", "Understanding", "Sagan om",
)  # fmt: skip
TITLE_ENDS = (
    "Lighthouses", "the North", "Bread", "Winter", "the Archipelago", "Small Gardens", "Maps", "Rivers",
    "the Forest",
    "Clocks", "Birds", "Silence", "Bridges", "Rain", "the Night Train", "fjällen", "havet", "stjärnorna",
    "vägen hem",
    "Tea", "Stone Walls", "the Moon", "Mountains", "Letters",
)  # fmt: skip
REASONS = ("OVERDUE", "OVERDUE", "OVERDUE", "LOST_ITEM", "DAMAGED_ITEM", "RESERVATION_FEE", "CARD_FEE")
AMOUNTS = ("1.50", "2.00", "3.25", "4.00", "5.00", "7.50", "10.00", "12.75", "18.99", "24.99")
