"""What is known of each public data set: its rows, its contents and its source."""

from typing import NamedTuple

NONE = "none stated"
UNSEEN = "not checked"


class Entry(NamedTuple):
    """One data set.

    Attributes
    ----------
    name : str
        What :func:`bayescale.load_dataset` calls it.
    rows : int
        Rows of the table.
    about : str
        What a row is, and what to beware of.
    source, paper, licence : str
        Where the numbers come from (repository, path, commit), who measured them, and the licence
        that the source gives for them.
    """

    name: str
    rows: int
    about: str
    source: str
    paper: str
    licence: str


_NSLPFN = "DongWooLee-Eli/nslpfn @10a5a60"
_MONKEYS = "RylanSchaeffer/KoyejoLab-Large-How-Do-Language-Monkey-Power-Get-Their-Power @cd078ae"
_CLARK = "google-deepmind/scaling_laws_for_routing data/curves.csv.gz @42da0c39"
_PORIAN = "formll/resolving-scaling-law-discrepancies data/summary_df*.pickle.xz @0dc60d91"
_STEP_LAW = "step-law/steplaw data/*.csv @32a8f4cc"
_RUAN = "ryoungj/ObsScaling eval_results/*.csv @4d6e1e4"
_STITCHING = "epoch-research/benchmark-stitching @f87d3cc"

CATALOGUE = (
    Entry(
        "hoffmann2022",
        245,
        "Chinchilla's runs, read off a figure: total params, FLOPs and loss; tokens follow from "
        "6ND; the colour scale rounds log loss to steps of 0.003; five outliers",
        "epoch-research/analyzing-chinchilla data/svg_extracted_data.csv @92258837",
        "Hoffmann et al. 2022, arXiv:2203.15556; Besiroglu et al. 2024, arXiv:2404.10102",
        NONE,
    ),
    Entry(
        "hoffmann2022_apple_isoflop",
        124,
        "the isoFLOP part of the same runs in another digitisation, with doubtful points flagged",
        "Open-Athena/scaling-law-analysis data/isoflops/transform/isoflops.csv @3e0656ee, from "
        "apple/ml-scalefit data/chinchilla.csv @ac4664af",
        "Shukor et al. 2025, arXiv:2507.09404; Czech et al. 2026, arXiv:2603.22339",
        NONE,
    ),
    Entry(
        "porian2024_isoflop",
        1745,
        "loss on isoFLOP grids under several recipes; the same runs appear under three ways of "
        "counting N and FLOPs, so filter before fitting",
        _PORIAN,
        "Porian et al. 2024, arXiv:2406.19146",
        "MIT",
    ),
    Entry(
        "porian2024_optima",
        177,
        "the compute-optimal N, D and loss read from those grids, with bootstrap sds",
        _PORIAN,
        "Porian et al. 2024, arXiv:2406.19146",
        "MIT",
    ),
    Entry(
        "porian2024_published_fits",
        60,
        "the authors' fitted exponents by recipe and method; some loss fits never moved from "
        "their starting point",
        _PORIAN,
        "Porian et al. 2024, arXiv:2406.19146",
        "MIT",
    ),
    Entry(
        "muennighoff2023",
        319,
        "runs on repeated data, 1 to 9000 epochs, with the rows of the published fit marked; that "
        "fit leaves out the runs in which repetition raised the loss",
        "huggingface/datablations utils/parametric_fit.ipynb @13701315",
        "Muennighoff et al. 2023, arXiv:2305.16264",
        "Apache-2.0",
    ),
    Entry(
        "gadre2024",
        104,
        "over-trained models on three training sets, 5 to 640 tokens a parameter: losses on many "
        "sets with intervals, and task errors",
        "mlfoundations/scaling exp_data/{models,evals} @a003c491",
        "Gadre et al. 2024, arXiv:2403.08540",
        "MIT",
    ),
    Entry(
        "gadre2024_grid",
        435,
        "the small hyper-parameter grid behind those models, bad settings included",
        "mlfoundations/scaling exp_data/grid.json @a003c491",
        "Gadre et al. 2024, arXiv:2403.08540",
        "MIT",
    ),
    Entry(
        "clark2022_routed",
        223,
        "routed (mixture of experts) and dense models at the end of training, all on 131B tokens",
        _CLARK,
        "Clark et al. 2022, arXiv:2202.01169",
        "CC-BY-4.0",
    ),
    Entry(
        "clark2022_routed_curves",
        5576,
        "loss of the same models every 10,000 steps",
        _CLARK,
        "Clark et al. 2022, arXiv:2202.01169",
        "CC-BY-4.0",
    ),
    Entry(
        "steplaw2025_dense",
        1911,
        "dense models over learning rates and batch sizes at 17 (N, D); non-embedding params, "
        "training loss, diverged runs marked",
        _STEP_LAW,
        "Li et al. 2025 (step law), arXiv:2503.04715",
        NONE,
    ),
    Entry(
        "steplaw2025_moe",
        708,
        "the same for mixtures of experts; params are the active ones",
        _STEP_LAW,
        "Li et al. 2025 (step law), arXiv:2503.04715",
        NONE,
    ),
    Entry(
        "steplaw2025_published_bootstrap",
        1000,
        "the authors' bootstrap draws of the learning-rate and batch-size laws, natural logs",
        _STEP_LAW,
        "Li et al. 2025 (step law), arXiv:2503.04715",
        NONE,
    ),
    Entry(
        "gemstones2025",
        5049,
        "models of many widths and depths: checkpoints at a constant learning rate, and the ends "
        "of their cooldowns; rows of one run are autocorrelated",
        "mcleish7/gemstone-scaling-laws wandb_dfs/*.jsonl @5f420478",
        "McLeish et al. 2025 (Gemstones), arXiv:2502.06857",
        "MIT",
    ),
    Entry(
        "openeurollm2026_optima",
        51,
        "best loss over learning rate and batch size on a full grid of N and D",
        "OpenEuroLLM/dense_english_scaling_laws data/best_HPs/lr_gbsz_min_smooth.csv @781af436",
        "OpenEuroLLM 2026, dense English scaling laws",
        UNSEEN,
    ),
    Entry(
        "multipowerlaw2025_curves",
        6265,
        "loss curves of three models under nine learning-rate schedules, split in train and test",
        "thu-yao-01-luo/MultiPowerLaw loss_curve_repo/csv_*/ @8da9f190",
        "Luo et al. 2025, arXiv:2503.12811",
        "MIT",
    ),
    Entry(
        "bhagia2024_ladder_lmloss",
        3569,
        "the OLMo ladder: checkpoints and 30 final models over N and tokens a parameter, with "
        "reruns that show the noise of training; FLOPs include attention",
        "allenai/OLMo-ladder src/scripts/paper/data/ladder-runs/*xC*.csv @67a3f440",
        "Bhagia et al. 2024, arXiv:2412.04403",
        "Apache-2.0",
    ),
    Entry(
        "alabdulmohsin2022",
        8320,
        "half of 92 learning curves of images, translation, language and BIG-bench, each split for "
        "extrapolation; repeated rows carry a multiplicity",
        f"{_NSLPFN} data/benchmark.{{vision,lang}}.csv, from google-research/google-research "
        "revisiting_neural_scaling_laws/data @9853680",
        "Alabdulmohsin et al. 2022, arXiv:2209.06640",
        "Apache-2.0 / MIT",
    ),
    Entry(
        "lee2025_dd_nano",
        331,
        "double-descent and nanoGPT curves, each split for extrapolation",
        f"{_NSLPFN} data/dd_data.pkl and *_over_n_embd.npy",
        "Lee et al. 2025, arXiv:2505.23032; Nakkiran et al. 2019",
        "MIT",
    ),
    Entry(
        "caballero2022",
        17,
        "test loss of four-digit addition against training examples: a curve that breaks",
        "ethancaballero/broken_neural_scaling_laws @ffa608f",
        "Caballero et al. 2022, arXiv:2210.14891",
        NONE,
    ),
    Entry(
        "choshen2024",
        4845,
        "checkpoints of half of 48 families of language models; losses compare only within a "
        "family",
        f"{_NSLPFN} data/colpret.npz and IBM/ColPret @16f23bb",
        "Choshen et al. 2024, arXiv:2410.11840",
        "MIT",
    ),
    Entry(
        "ruan2024_base",
        148,
        "base language models on 33 benchmarks, with params, tokens and FLOPs where known",
        _RUAN,
        "Ruan et al. 2024, arXiv:2405.10938",
        "Apache-2.0",
    ),
    Entry(
        "ruan2024_agent",
        27,
        "instruction-tuned models on benchmarks and on agent tasks",
        _RUAN,
        "Ruan et al. 2024, arXiv:2405.10938",
        "Apache-2.0",
    ),
    Entry(
        "jones2021",
        3673,
        "Elo of AlphaZero on Hex against training FLOPs, boards of 3 to 9: runs and frontier",
        "andyljones/boardlaw docs/flops_curves.svg @522b7fc",
        "Jones 2021, arXiv:2104.03113",
        "MIT",
    ),
    Entry(
        "brown2024_monkeys",
        896,
        "correct answers out of 10,000 of seven Pythia models on 128 MATH problems",
        _MONKEYS,
        "Brown et al. 2024, arXiv:2407.21787",
        NONE,
    ),
    Entry(
        "brown2024_coverage",
        91,
        "share of those problems solved within k = 1 to 10,000 tries, with its error over "
        "problems; the k of one model come from the same samples, so their errors go together",
        f"computed from brown2024_monkeys: {_MONKEYS}",
        "Brown et al. 2024, arXiv:2407.21787",
        NONE,
    ),
    Entry(
        "schaeffer2025_pythia_passk",
        19370,
        "correct answers of Pythia checkpoints on MATH and GSM8K problems; harder problems were "
        "tried more often, so use the counts",
        _MONKEYS,
        "Schaeffer et al. 2025, arXiv:2502.17578 and arXiv:2509.24012",
        NONE,
    ),
    Entry(
        "schaeffer2025_pythia_coverage",
        459,
        "share of those problems that each checkpoint solves within k = 1, 10 and 100 tries, with "
        "its error over problems and the independent trials that it is worth",
        f"computed from schaeffer2025_pythia_passk: {_MONKEYS}",
        "Schaeffer et al. 2025, arXiv:2502.17578 and arXiv:2509.24012",
        NONE,
    ),
    Entry(
        "schaeffer2025_pythia_gsm8k_nll",
        11871,
        "negative log likelihood in nats of the reference solution, a row a model and problem",
        _MONKEYS,
        "Schaeffer et al. 2025, arXiv:2502.17578 and arXiv:2509.24012",
        NONE,
    ),
    Entry(
        "gordon2021",
        240,
        "machine translation in three language pairs: cross-entropy and BLEU over model and data",
        "mitchellgordon95/mt-scaling summaries/data_scaling.0126.summary @cb9600d",
        "Gordon, Duh and Kaplan 2021",
        NONE,
    ),
    Entry(
        "cherti2023_openclip",
        1312,
        "30 CLIP checkpoints on 41 downstream sets, with training compute in MACs",
        "LAION-AI/scaling-laws-openclip @652b1e7",
        "Cherti et al. 2022, arXiv:2212.07143",
        NONE,
    ),
    Entry(
        "epoch2025_benchmarks",
        1324,
        "scores of 179 models on 38 benchmarks, with release dates",
        _STITCHING,
        "A Rosetta Stone for AI Benchmarks (Epoch AI, 2025)",
        "MIT",
    ),
    Entry(
        "kwa2025_metr_horizon",
        30,
        "length of the tasks that models finish half of the time, with 95 % intervals and dates",
        f"{_STITCHING} external_benchmark_metr.csv",
        "Kwa et al. 2025 (METR), arXiv:2503.14499",
        "MIT",
    ),
    Entry(
        "kwa2025_metr_days",
        29,
        "the dated ones of those models: days from 1 July 2024, and the standard error of the "
        "length, from its interval on the log scale",
        f"computed from kwa2025_metr_horizon: {_STITCHING} external_benchmark_metr.csv",
        "Kwa et al. 2025 (METR), arXiv:2503.14499",
        "MIT",
    ),
    Entry(
        "zhang2024_o1_aime",
        19,
        "accuracy of o1-mini on 30 AIME problems against the tokens it used",
        "hughbzhang/o1_inference_scaling_laws @4cf12c6",
        "Zhang 2024, o1 inference scaling laws",
        NONE,
    ),
    Entry(
        "sardana2024_fits",
        4,
        "one law refitted on runs of up to so many tokens a parameter: the constants move with the "
        "range, which says how little such runs pin them down",
        "typed in from the paper's table",
        "Sardana et al. 2024, arXiv:2401.00448",
        "published figures",
    ),
)
