"""Who is in the demo: two legal entities and sixty customers. All invented; numbers are valid by their check digits."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from stdnum.fr import siren as french_siren

from shared import iban as ibans

SEED = 20260101


@dataclass(frozen=True, slots=True)
class Entity:
    code: str
    name: str
    siren: str
    iban: str
    bic: str
    prefix: str
    email: str


@dataclass(frozen=True, slots=True)
class Company:
    """`pace`: days after the due date it usually pays; None: it does not, lately."""

    ref: str
    name: str
    siren: str
    vat_id: str
    city: str
    postcode: str
    address: str
    email: str
    segment: str
    sales_owner: str
    group_code: str
    terms: str
    iban: str
    kind: str
    pace: int | None
    size: int


def french_iban(bank: int, account: int) -> str:
    """A French IBAN whose RIB key and check digits are right.

    >>> ibans.is_valid(french_iban(30004, 12345))
    True
    """
    bban = f"{bank:05}{account % 90000 + 10:05}{account:011}"
    key = 97 - (89 * bank + 15 * (account % 90000 + 10) + 3 * account) % 97
    return next(made for check in range(2, 99) if ibans.is_valid(made := f"FR{check:02}{bban}{key:02}"))


def valid_siren(stem: int) -> str:
    """A SIREN with the right last digit for eight given ones."""
    digits = f"{stem:08}"
    return next(digits + last for last in "0123456789" if french_siren.is_valid(digits + last))


def _entity(code: str, name: str, stem: int, account: int, prefix: str) -> Entity:
    email = f"comptabilite@{code.lower()}.example"
    return Entity(code, name, valid_siren(stem), french_iban(10107, account), "BREDFRPPXXX", prefix, email)


ENTITIES = (
    _entity("VERNAISON", "Ateliers Vernaison SAS", 90123456, 10203040506, "AV"),
    _entity("MAINTENANCE", "Vernaison Maintenance SARL", 90123499, 10203040777, "VM"),
)
FACTOR_NAME, FACTOR_IBAN = "Affacturage du Léman SA", french_iban(18370, 55501234567)

# The debtor whose portal the demo opens: a parent and two subsidiaries.
GROUP = "CASTELLAN"
_GROUP_NAMES = ("Castellan Distribution SA", "Castellan Logistique SAS", "Castellan Frais SARL")
_SLOW = ("Garage Bellecombe", "Menuiserie Ostrowski", "Transports Valmorin", "Hôtel des Deux Rives")
_PUBLIC = ("Ville de Saint-Aubry", "Centre hospitalier de Montferrac")
_NAMES = (
    "Imprimerie Delorme, Boulangerie Marchandeau, Verrerie de la Saulx, Laboratoires Quéméner, Brasserie du Faubourg, "
    "Scierie Thouvenot, Fonderie Lacassagne, Papeteries de l'Orne, Plomberie Guillaumat, Électricité Roussillon, "
    "Charpentes Vauquelin, Cartonnages Brisson, Meunerie Saint-Loup, Conserverie Kervadec, Cidrerie Le Goff, "
    "Filature Desmarets, Tôlerie Bonnefoy, Peintures Aubertin, Carrières du Morvan, Pépinières Chastagner, "
    "Fromagerie Villard, Salaisons Etcheverry, Tuilerie Montagnac, Emballages Rivoire, Optique Sénéchal, "
    "Pharmacie Loriot, Clinique des Tilleuls, Cabinet Maistre, Agence Coquelicot, Studio Belvédère, "
    "Librairie Passerat, Cycles Armentier, Nautique Trévignon, Serrurerie Pontavice, Isolation Carpentier, "
    "Terrassement Lavigne, Climatisation Dorval, Ascenseurs Miribel, Textiles Roanne-Sud, Bijouterie Hautecœur, "
    "Traiteur Montclar, Viandes Charolles, Primeurs Bastide, Torréfaction Lisbonne, Miellerie des Causses, "
    "Plastiques Oyonnax-Est, Mécanique Beauregard, Outillage Ferrand, Robinetterie Vimeu, Horlogerie Morteau-Val, "
    "Sellerie Gardian"
)
_CITIES = (
    ("Lyon", "69003"), ("Villeurbanne", "69100"), ("Grenoble", "38000"), ("Dijon", "21000"), ("Nantes", "44000"),
    ("Rennes", "35000"), ("Lille", "59000"), ("Toulouse", "31000"), ("Bordeaux", "33000"), ("Reims", "51100"),
)  # fmt: skip
_STREETS = (
    "rue de la République",
    "avenue Jean-Jaurès",
    "quai des Chartrons",
    "rue des Tanneurs",
    "boulevard Carnot",
)
_SELLERS = ("Inès Morel", "Thomas Guérin", "Awa Diallo")
_FORMS = ("SAS", "SARL", "SA")


def companies() -> list[Company]:
    """The sixty customers, the same every time."""
    random = Random(SEED)  # noqa: S311 - believable, not secret
    names = [*_GROUP_NAMES, *_SLOW, *_PUBLIC, *(name.strip() for name in _NAMES.split(","))]
    return [_company(random, number, name) for number, name in enumerate(names, 1)]


def _company(random: Random, number: int, name: str) -> Company:
    city, postcode = random.choice(_CITIES)
    siren = valid_siren(41000000 + number * 7919)
    own_name = name if name.split()[-1] in _FORMS or name in _PUBLIC else f"{name} {random.choice(_FORMS)}"
    slug = "".join(c for c in name.lower().split()[-1] if c.isascii() and c.isalnum()) or "client"
    in_group = name in _GROUP_NAMES
    return Company(
        ref=f"C{number:04}",
        name=own_name,
        siren=siren,
        vat_id=f"FR{(12 + 3 * (int(siren) % 97)) % 97:02}{siren}",
        city=city,
        postcode=postcode,
        address=f"{random.randint(1, 120)} {random.choice(_STREETS)}",
        email=f"compta@{'castellan' if in_group else slug}.example",
        segment="public" if name in _PUBLIC else random.choice(("industrie", "commerce", "services")),
        sales_owner=random.choice(_SELLERS),
        group_code=GROUP if in_group else "",
        terms="30 net" if in_group or name in _PUBLIC else random.choice(("30 net", "45 eom", "60 net")),
        iban=french_iban(30004, 20000000000 + number * 104729),
        kind="public" if name in _PUBLIC else "business",
        pace=None if name in _SLOW else random.choice((-3, -1, 0, 0, 1, 2, 4, 7, 12)),
        size=3 if in_group else random.choice((1, 1, 1, 2, 2, 4)),
    )
