"""Word banks that the task families draw from."""

from __future__ import annotations

NAMES = (
    "Adam Alice Amara Anna Ben Carla Cato Clara Dana David Diego Elena Emma Eric Farid Fiona Frank "
    "Grace Hana Henry Ines Iris Ivan Jack Jana Jonas Julia Kai Karim Kate Lena Leo Lily Lucas "
    "Maria Marta Max Mia Milo Mina Nadia Nina Noah Nora Olga Omar Oscar Paul Petra Priya Rosa Sam "
    "Sara Simon Sofia Tara Theo Tom Uma Vera Victor Wendy Yara Zoe"
).split()

CITIES = (
    "Athens Bergen Berlin Boston Bristol Cairo Chicago Dakar Dallas Delhi Denver Dover Dublin "
    "Geneva Hamburg Hanoi Havana Istanbul Kyoto Lagos Leeds Lima Lisbon London Lyon Madrid Manila "
    "Milan Minsk Moscow Munich Nairobi Naples Oslo Ottawa Oxford Paris Perth Porto Prague Quebec "
    "Quito Riga Rome Seattle Seoul Sofia Sydney Tokyo Toronto Tunis Turin Utrecht Venice Vienna "
    "Warsaw York Zurich"
).split()
CITIES.remove("Sofia")  # also a name

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = (
    "January February March April May June July August September October November December".split()
)
COLOURS = "red blue green yellow black white brown grey purple orange pink".split()
NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()

CATEGORIES = {
    "animal": (
        "bear cat cow deer dog donkey duck eagle fish fox frog goat horse lion monkey mouse owl "
        "pig rabbit rat sheep snake spider tiger wolf"
    ).split(),
    "fruit": (
        "apple apricot banana cherry fig grape lemon lime mango melon olive peach pear plum"
    ).split(),
    "tool": "axe brush drill hammer knife ladder nail rope saw shovel wrench".split(),
    "vehicle": (
        "bicycle boat bus canoe car carriage ferry lorry ship train tram truck wagon"
    ).split(),
    "garment": "belt boot coat dress glove hat jacket scarf shirt shoe skirt sock".split(),
    "furniture": (
        "armchair bed bench bookcase chair cupboard desk shelf sofa stool table wardrobe"
    ).split(),
    "instrument": "banjo cello drum flute guitar harp horn organ piano trumpet violin".split(),
    "metal": "bronze copper gold iron lead silver steel tin zinc".split(),
}

OBJECTS = (
    "apple bag ball basket bell book bottle bowl box brush candle chair clock coat coin cup drum "
    "flag glass glove hat key kite knife ladder lamp letter map mirror pen pencil picture plate "
    "ring rope shirt shoe spoon stone stool table ticket toy vase watch wheel"
).split()

_PLUS_S = (
    "book cup dog door friend garden hand house king lamp letter river road ship song star stone "
    "street table teacher tree window"
).split()
_PLUS_ES = "box brush bus church class dish dress fox glass match wish".split()
_Y_TO_IES = "baby berry city country family lady party story army duty".split()
PLURALS = {
    **{noun: noun + "s" for noun in _PLUS_S},
    **{noun: noun + "es" for noun in _PLUS_ES},
    **{noun: noun[:-1] + "ies" for noun in _Y_TO_IES},
    "child": "children",
    "foot": "feet",
    "man": "men",
    "mouse": "mice",
    "tooth": "teeth",
    "woman": "women",
    "goose": "geese",
    "knife": "knives",
    "leaf": "leaves",
    "wolf": "wolves",
    "wife": "wives",
    "life": "lives",
}

ANTONYMS = {
    "big": "small",
    "hot": "cold",
    "fast": "slow",
    "happy": "sad",
    "old": "young",
    "rich": "poor",
    "light": "dark",
    "high": "low",
    "long": "short",
    "wide": "narrow",
    "strong": "weak",
    "early": "late",
    "hard": "soft",
    "full": "empty",
    "clean": "dirty",
    "dry": "wet",
    "near": "far",
    "open": "closed",
    "loud": "quiet",
    "thick": "thin",
    "brave": "afraid",
    "deep": "shallow",
    "cheap": "expensive",
    "safe": "dangerous",
    "easy": "difficult",
    "right": "wrong",
    "sweet": "bitter",
    "kind": "cruel",
    "awake": "asleep",
    "alive": "dead",
    "first": "last",
    "front": "back",
    "true": "false",
    "up": "down",
    "inside": "outside",
    "always": "never",
    "before": "after",
    "left": "right",
    "north": "south",
    "east": "west",
    "day": "night",
    "summer": "winter",
}
ANTONYMS.pop("left")  # "right" is the opposite of "wrong" here

# base: (third person, past, participle, -ing)
VERBS = {
    "bake": ("bakes", "baked", "baked", "baking"),
    "break": ("breaks", "broke", "broken", "breaking"),
    "bring": ("brings", "brought", "brought", "bringing"),
    "build": ("builds", "built", "built", "building"),
    "buy": ("buys", "bought", "bought", "buying"),
    "carry": ("carries", "carried", "carried", "carrying"),
    "catch": ("catches", "caught", "caught", "catching"),
    "clean": ("cleans", "cleaned", "cleaned", "cleaning"),
    "close": ("closes", "closed", "closed", "closing"),
    "draw": ("draws", "drew", "drawn", "drawing"),
    "drop": ("drops", "dropped", "dropped", "dropping"),
    "find": ("finds", "found", "found", "finding"),
    "forget": ("forgets", "forgot", "forgotten", "forgetting"),
    "hide": ("hides", "hid", "hidden", "hiding"),
    "hold": ("holds", "held", "held", "holding"),
    "keep": ("keeps", "kept", "kept", "keeping"),
    "leave": ("leaves", "left", "left", "leaving"),
    "lift": ("lifts", "lifted", "lifted", "lifting"),
    "lose": ("loses", "lost", "lost", "losing"),
    "make": ("makes", "made", "made", "making"),
    "move": ("moves", "moved", "moved", "moving"),
    "open": ("opens", "opened", "opened", "opening"),
    "paint": ("paints", "painted", "painted", "painting"),
    "push": ("pushes", "pushed", "pushed", "pushing"),
    "see": ("sees", "saw", "seen", "seeing"),
    "sell": ("sells", "sold", "sold", "selling"),
    "send": ("sends", "sent", "sent", "sending"),
    "show": ("shows", "showed", "shown", "showing"),
    "steal": ("steals", "stole", "stolen", "stealing"),
    "take": ("takes", "took", "taken", "taking"),
    "throw": ("throws", "threw", "thrown", "throwing"),
    "wash": ("washes", "washed", "washed", "washing"),
    "watch": ("watches", "watched", "watched", "watching"),
    "wear": ("wears", "wore", "worn", "wearing"),
}

ADJECTIVES = (
    "big blue broken cheap clean dark green heavy little long new old red round small strange wet "
    "white"
).split()

PLACES = (
    "bridge church farm garden hotel kitchen library market museum office park river school shop "
    "station"
).split()

JOBS = (
    "artist baker doctor driver farmer fisherman judge nurse painter pilot singer soldier tailor "
    "teacher writer"
).split()

PRAISE = (
    "It was wonderful from beginning to end.",
    "I would gladly pay for it again.",
    "Everyone was kind and helpful.",
    "It made me very happy.",
    "I have never seen anything better.",
    "The quality is excellent.",
    "It works perfectly every day.",
    "We loved every minute of it.",
    "I can only recommend it.",
    "It was worth every penny.",
    "The service was quick and friendly.",
    "A beautiful piece of work.",
)
COMPLAINTS = (
    "It was terrible from beginning to end.",
    "I want my money back.",
    "Everyone was rude and slow.",
    "It made me very angry.",
    "I have never seen anything worse.",
    "The quality is awful.",
    "It broke on the first day.",
    "We hated every minute of it.",
    "I can only warn against it.",
    "It was a waste of money.",
    "The service was slow and careless.",
    "A very poor piece of work.",
)

FILLER = (
    "The wind moved slowly over the grass.",
    "Nobody had expected the weather to change.",
    "There was dust on every shelf.",
    "The path went on between the hills.",
    "A smell of rain was in the air.",
    "Clouds passed over the fields.",
    "The water was clear and still.",
    "It was quiet in the early hours.",
    "The leaves had begun to fall.",
    "Smoke rose above the roofs.",
    "The snow had covered all the roads.",
    "Something moved behind the hedge.",
    "The fire burned low in the hearth.",
    "A door closed somewhere below.",
    "The road was longer than it seemed.",
    "Light came through the curtains.",
)
"""Sentences that hold no name, number, place, day or object that a task could ask for."""
