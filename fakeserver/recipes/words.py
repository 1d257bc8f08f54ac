"""The words that vocabularies are drawn from: what developers call things, none of it anybody's name."""

from __future__ import annotations

SERVICES = """
    checkout-api search-indexer billing-worker auth-gateway web-frontend notifications payments-ledger image-resizer
    feature-flags session-store order-service inventory-sync pricing-engine report-builder webhook-relay
    email-sender media-transcoder data-exporter usage-meter audit-log recommendation-api catalog-service
    tax-calculator shipping-quotes identity-provider rate-limiter file-uploader invoice-renderer event-router
    config-server metrics-collector chat-backend mobile-bff geo-lookup fraud-checks document-parser vector-index
    prompt-router model-gateway fulfilment-planner loyalty-points support-inbox status-page translation-service
    subscription-api address-checker coupon-service stock-forecast
""".split()
JOBS = """
    unit-tests e2e-tests preview migration-check load-test lint nightly-build repro smoke-test benchmark backfill
    integration-tests release-check dependency-audit type-check docs-build
""".split()
WORKLOADS = """
    llama-3.1-8b-sft qwen2.5-7b-grpo mistral-7b-eval gemma-2-9b-sft whisper-large-batch sdxl-lora qwen2.5-coder-eval
    llama-3.2-3b-quantize embedding-train reranker-eval code-model-grpo vision-encoder-train speech-eval
    tokenizer-sweep reward-model-train batch-inference
""".split()
TEAMS = """
    platform payments growth data-platform mobile developer-experience security search ml-infra evaluations
    site-reliability support-tools identity checkout
""".split()
AGENTS = """
    code-reviewer test-writer docs-helper release-notes bug-triage data-cleaner api-explorer changelog-bot
    migration-helper sql-assistant
""".split()
BUILDS = """
    web-recon sql-basics log-triage prompt-guard network-map capture-the-flag cloud-audit crypto-warmup api-fuzzing
    container-escape token-leak password-audit packet-capture config-review model-extraction tool-use
    memory-forensics supply-chain browser-agent ticket-router
""".split()
TOPICS = """
    flaky-retries cursor-paging slow-query dark-mode csv-export token-refresh upload-limit empty-state
    rate-limit-header cold-start cache-keys audit-trail bulk-delete webhook-retries search-ranking invoice-rounding
""".split()
TICKETS = ("PLAT", "PAY", "ABC", "WEB", "DATA", "SRE")
BRANCHES = ("feat", "fix", "chore", "perf")
STANDING_BRANCHES = ("main", "develop", "release/2.14")
LONG_BRANCH = (
    "feat/PLAT-4127-move-the-nightly-evaluation-from-the-shared-runner-pool-to-one-sandbox-per-attempt-"
    "and-keep-the-logs-of-every-attempt-until-the-report-has-been-read-including-those-that-were-retried-"
    "because-the-image-could-not-be-pulled-in-time-part-2"
)
"""Nearly as long as the name of a file may be on most systems, and so, in git, of a branch."""
PROJECTS = """
    Web Recon|Prompt Guard|Agent Benchmarks|Cloud Audit|Tool Use Evaluation|Capture the Flag|
    Log Triage|Retrieval Quality|Code Review Agent|Safety Regression|Checkout Revamp|Search Ranking|
    Nightly Evaluations|Data Pipeline|Model Gateway|Release Automation|Incident Drills|
    Sandbox Migration|Customer Sandbox|Load Testing|Docs Assistant|API Explorer|Browser Agents|
    Long Context|Multi-Agent Planning|Network Mapping|Access Review|Billing Replay|Mobile Previews|
    Synthetic Users
"""
LONG_PROJECT = (
    "Quarterly comparison of all red team agents on the hosted and the self-hosted models, with every tool switched on"
    ", long run B"
)
WORKSPACES = ("main", "research", "staging", "evaluations", "red-team", "playground")
COMPANIES = """
    Bluebird Robotics|Harbor Analytics|Cedar Health|Lantern Logistics|Quarry Systems|
    Tidewater Energy|Northfield Foods|Copperleaf Travel|Skylark Media|Granite Insurance|
    Meadow Learning|Brightwater Bank|Pinecone Retail|Summit Mobility|Riverbend Software|
    Saffron Kitchens|Larkspur Design|Ironbridge Security|Driftwood Games|Clearwater Labs|
    Sunflower Telecom|Compass Freight|Orchard Finance|Glacier Storage
"""
LONG_KEY = (
    "ci.example.com/pipelines/nightly-evaluations/stages/compare-with-the-release-before/jobs/one-sandbox-per-attempt/"
    "steps/upload-the-report-and-keep-the-artifacts-until-somebody-has-read-them/attempts/last/links/of-all-that-were-"
    "retried/in-the-order-of-trials"
)
"""256 bytes, the longest key that Superserve takes."""
ATTEMPT = (
    "Attempt {}: all checks passed but the upload, which timed out; the logs are kept and the sandbox was paused. "
)
LONG_TEXT = "".join(map(ATTEMPT.format, range(1, 21)))[:2_047] + "."
"""2,048 bytes, the longest value that Superserve takes."""
IMAGES = (
    "python:3.11-slim",
    "python:3.12-slim",
    "node:22-bookworm",
    "ubuntu:24.04",
    "debian:12-slim",
    "golang:1.24-bookworm",
    "rust:1.86-slim",
)
GPU_IMAGES = (
    "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime",
    "vllm/vllm-openai:v0.8.4",
    "nvidia/cuda:12.4.1-runtime-ubuntu22.04",
    "registry.example.com/ml/trainer:0.9.3-cu124",
    "registry.example.com/ml/evaluator:1.4.0-cu124",
)
HOSTS = """
    packages registry api models artifacts telemetry storage queue proxy mirror search auth status cdn git datasets
""".split()
CITIES = """
    東京都|Köln|São Paulo|横浜市|Kraków|서울특별시|Москва|Zürich|القاهرة|Αθήνα|北京市|Malmö|กรุงเทพมหานคร|Київ|
    Besançon|ירושלים
"""
REGIONS = ("us", "eu-west", "us-east", "ap-south", "eu-north")
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
"""The networks that are set aside for documentation (RFC 5737), so that no address is anybody's."""

UNFIT = frozenset(
    """
    anal anus arse asshole bastard bimbo bitch bloody bollocks boob boobs booty breast breasts bugger butt cadaver
    cock cocks corpse crap cretin crotch cum cunt damn dick dildo douche drunk dumb erotic evil fart fat fatal
    feces fetish filthy fool freak fuck funeral gaylord genital gore grave guilty gun hate hitler hooker horny idiot
    illegal imbecile incest jerk kinky knob lame lewd loser lust milf moron murder naked nazi nude nuts obese orgasm
    orgy penis pervert piss poison poop porn prick prostitute pube pussy racist rape rapist retard scum semen sex
    sexy shit sick slave slut snot stupid suck sucks suicide terror terrorist thug tits toilet tramp turd twat ugly
    urine vagina victim violent vomit wank weird whore willy worthless xxx
    """.split()
)
"""Words that embarrass whoever shows a screen with them."""
SHORTEST_STEM = 4


def is_unfit(text: str) -> bool:
    """Whether one of the words of a text embarrasses."""
    return not UNFIT.isdisjoint("".join(each if each.isalpha() else " " for each in text.casefold()).split())


def hides_unfit(name: str) -> bool:
    """Whether there is such a word inside of a name that is made of others, as a handle is."""
    return any(stem in name.casefold() for stem in UNFIT if len(stem) >= SHORTEST_STEM)


def split(text: str) -> list[str]:
    """The names of a text that stand between bars."""
    return [" ".join(name.split()) for name in text.split("|")]
