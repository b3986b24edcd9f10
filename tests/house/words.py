"""Words and phrases that the project does not use in texts, and what to write instead."""

from collections.abc import Mapping

GLOSSARY: Mapping[str, str] = {
    r"stray(?:s|ed)?": "unbaselined NSG",
    r"deviations?": "drift, or exception",
    r"deviat(?:e|es|ed|ing)": "drift",
    r"yardsticks?": "severity policy",
    r"weigh(?:s|ed|ing)?": "rate the severity",
    r"remed(?:y|ies)": "remediation",
    r"puts? back": "restore",
    r"put back": "restored",
    r"tellings?": "notification",
    r"speaks? (?:for|of)": "manages, is about",
    r"passes over": "reconciles, or ignores",
    r"overtaken|held up": "blocked",
}
"""Words of this project's past, by the term of the glossary in CONTRIBUTING that replaces them."""

ENGLISH: Mapping[str, str] = {
    r"whoever": "name the person or the component",
    r"so long as": "while",
    r"of (?:its|their|his) own": "separate, own",
    r"at work": "running, or updating",
    r"nowhere": "say what is missing",
    r"(?:is|are|was|were) told": "is notified, or receives",
    r"tells? of": "reports",
    r"nobody else": "no other component",
    r"goes along": "say what happens",
    r"anew": "again",
    r"(?<!there )(?<!longer )is no (?!longer|more|different|need|other|such|way|guarantee)\w+": "is not a",
    r"(?:for )?ever after": "afterwards",
    r"nothing but": "only",
    r"in (?:such )?company": "with",
    r"the likes? of": "such as",
    r"spelt|spelled anew": "formatted",
    r"for good": "permanently",
}
"""Turns of phrase that plain technical English avoids, and what to write instead."""
