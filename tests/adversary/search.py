"""A search for games that the operator loses: the best games of a generation are varied for the next one."""

import math
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tests.adversary.azure import AzureModel
from tests.adversary.moves import Adversary, Move, random_move
from tests.adversary.operator_model import OperatorModel
from tests.adversary.positions import Position, position
from tests.adversary.referee import Referee
from tests.support.nsgs import SUBNET
from tests.support.rules import Document

LIMIT = 20
"""The number of rules of an NSG in a game, so that an NSG without room is small."""
_PAUSES = (0, 1, 1, 1, 15, 70)


@dataclass(frozen=True)
class Turn:
    """Some moves of the adversary at once, then a pause in minutes, and a reconcile."""

    moves: tuple[Move, ...]
    minutes: int


@dataclass(frozen=True)
class Game:
    """A start and the turns of the adversary, and how well it did: higher is closer to a fault."""

    start: Position
    turns: tuple[Turn, ...]
    score: float = 0
    faults: tuple[str, ...] = field(default=(), compare=False)


def random_game(rng: random.Random) -> Game:
    """Return a random game."""
    return Game(position(rng), tuple(_turn(rng) for _ in range(rng.randint(1, 4))))


def varied(game: Game, other: Game, rng: random.Random) -> Game:
    """Return a variation of a game, at times with the turns of another one."""
    turns = list(game.turns)
    match rng.randrange(5):
        case 0:
            turns.insert(rng.randint(0, len(turns)), _turn(rng))
        case 1 if len(turns) > 1:
            del turns[rng.randrange(len(turns))]
        case 2:
            turns = [*turns[: rng.randint(0, len(turns))], *other.turns[rng.randrange(len(other.turns)) :]]
        case 3:
            start = replace(game.start, spec=position(rng).spec)
            return Game(start, game.turns)
        case _:
            place = rng.randrange(len(turns))
            moves = list(turns[place].moves)
            moves[rng.randrange(len(moves))] = random_move(rng)
            if rng.random() < 0.5:
                moves.insert(rng.randint(0, len(moves)), random_move(rng))
            turns[place] = Turn(tuple(moves), turns[place].minutes)
    return Game(game.start, tuple(turns[-6:]))


async def played(game: Game) -> Game:
    """Play a game to its end, and return it with its score and its faults."""
    start = game.start
    properties: Document = {"subnets": [{"id": SUBNET.format("web")}]} if start.attached else {}
    live = [*start.approved, *(rule for rule, _ in start.excepted if _has_room(rule, start.approved))]
    operator = OperatorModel(AzureModel(live, LIMIT, **properties), start)
    adversary, referee = Adversary(operator), Referee(operator)
    await operator.reconcile()
    score, faults = 0.0, list[str]()
    for turn in (*game.turns, *_END):
        for move in turn.moves:
            adversary.play(move)
        operator.now += timedelta(minutes=turn.minutes)
        await operator.reconcile()
        faults += [f"turn {turn}: {fault}" for fault in referee.faults()]
        score += _score(operator, referee)
    return replace(game, score=score, faults=tuple(faults))


async def search(seed: int, generations: int, size: int) -> list[Game]:
    """Play generations of games, and return those with faults."""
    rng = random.Random(seed)
    best: list[Game] = []
    lost: list[Game] = []
    for _ in range(generations):
        fresh = size if not best else size // 3
        games = [random_game(rng) for _ in range(fresh)]
        games += [varied(rng.choice(best), rng.choice(best), rng) for _ in range(size - fresh)]
        results = [await played(game) for game in games]
        lost += [game for game in results if game.faults]
        best = sorted([*best, *results], key=lambda game: -game.score)[: max(2, size // 4)]
    return lost


async def shortened(game: Game) -> Game:
    """Return the shortest part of a lost game that is still lost."""
    changed = True
    while changed:
        changed = False
        for part in _parts(game):
            result = await played(part)
            if result.faults:
                game, changed = result, True
                break
    return game


def _parts(game: Game) -> list[Game]:
    parts = []
    for place, turn in enumerate(game.turns):
        rest = game.turns[:place], game.turns[place + 1 :]
        parts.append(Game(game.start, (*rest[0], *rest[1])))
        for number in range(len(turn.moves)):
            moves = turn.moves[:number] + turn.moves[number + 1 :]
            if moves:
                parts.append(Game(game.start, (*rest[0], Turn(moves, turn.minutes), *rest[1])))
    return parts


_END = (Turn((), 1), Turn((), 70), Turn((), 1))
"""The adversary rests: what is left is what the operator never removes."""


def _turn(rng: random.Random) -> Turn:
    return Turn(tuple(random_move(rng) for _ in range(rng.choice((1, 2, 2, 3)))), rng.choice(_PAUSES))


def _has_room(rule: Document, approved: tuple[Document, ...]) -> bool:
    return all((rule["priority"], rule["name"]) != (other["priority"], other["name"]) for other in approved) and all(
        rule["name"] != other["name"] for other in approved
    )


def _score(operator: OperatorModel, referee: Referee) -> float:
    """Return how much is open after a reconcile, and how little the operator says about it."""
    size = max((math.log2(1 + opening.size) for opening in referee.left), default=0)
    if not size:
        return 0
    severity = operator.incident.status.severity if operator.incident else None
    quiet = {"critical": 0, "high": 20, "medium": 25, None: 60}.get(severity, 30)
    plain = sum(not rule.lower().startswith("co-") for opening in referee.left for rule in opening.rules)
    return size + quiet + 3 * min(plain, 3)
