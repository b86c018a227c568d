"""The configuration file: load, check, explain. Nothing else in ivsd reads YAML."""

from ivsd.config.cards import CARDS, load_cards, load_cards_beside
from ivsd.config.load import Salvaged, load, load_world, salvage, trust
from ivsd.config.password import password, without_password
from ivsd.config.problems import ConfigError, Problem
from ivsd.config.schema import Config

__all__ = [
    "CARDS",
    "Config",
    "ConfigError",
    "Problem",
    "Salvaged",
    "load",
    "load_cards",
    "load_cards_beside",
    "load_world",
    "password",
    "salvage",
    "trust",
    "without_password",
]
