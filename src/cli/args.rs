//! The command line as typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measure API-security maturity from gateway logs, IdP events and revocation tickets. Works offline.
#[derive(Debug, Parser)]
#[command(name = "credlens", version, max_term_width = 100)]
#[command(
    after_help = "Try it:\n  credlens run sample-data/estate     the bundled estate\n  credlens init                       a configuration for your own logs\n\nExit status: 0 done, 1 done but a gate failed, 2 not done"
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Use this configuration [default: ./credlens.toml, else the one in the first folder given]
    #[arg(short, long, global = true, value_name = "FILE", env = "CREDLENS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print only errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more: files, reject reasons, timings; twice for every query's
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Colour: auto honours NO_COLOR
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load every source, compute every metric, write the run folder
    Run(RunArgs),
    /// Dry run: configuration, packs, queries, first records, disk and memory; writes nothing
    #[command(visible_alias = "doctor")]
    Check(CheckArgs),
    /// Compare two finished runs
    Diff(DiffArgs),
    /// Write the retrospective of one incident from a finished run
    Retro(RetroArgs),
    /// Write a commented credlens.toml, empty inventories and an empty exception register
    Init(InitArgs),
    /// Show how one file is detected and parsed
    Inspect(InspectArgs),
    /// Say what a measure, pack, entity file, column, investigation or message code means
    Explain {
        /// SC01, kong, apis, proof_grade, open_cases, A012
        id: String,
    },
    /// List metrics, packs, frames or investigations
    List {
        /// What to list
        kind: ListKind,
    },
    /// Run SQL over a finished run's frames and Parquet files
    Query(QueryArgs),
    /// Print shell completions
    Completions {
        /// bash, zsh, fish, powershell or elvish
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListKind {
    Metrics,
    Packs,
    Frames,
    Investigations,
}

/// `credlens run`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  credlens run sample-data/estate\n  credlens run 'gw/*.ndjson.zst' idp tickets --period 2026-Q2\n  credlens run logs --json | jq '.metrics[]'\n  zcat gw/*.gz | credlens run - idp tickets --pack kong"
)]
pub struct RunArgs {
    /// Files, folders or globs to read; - is standard input
    #[arg(value_name = "PATHS")]
    pub paths: Vec<String>,
    /// Headline period: 2026-Q2 or 2026-05 [default: the last complete quarter in the data]
    #[arg(long, value_name = "PERIOD")]
    pub period: Option<String>,
    /// Judge facts at this instant [default: the period's end]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// Parent of the run folder
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Read every file as this pack instead of detecting it
    #[arg(long, value_name = "ID")]
    pub pack: Option<String>,
    /// Gate: share of records that may be rejected, as 1% or 0.01
    #[arg(long, value_name = "SHARE")]
    pub max_rejects: Option<String>,
    /// Gate: fail when a measure is missed, regressing or unmeasured
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,
    /// Measure only these: ids or the letters they begin with, such as SC01,RV
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Leave these measures out: ids or the letters they begin with
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// Print summary.json on stdout
    #[arg(long)]
    pub json: bool,
    /// Read and measure, but write no run folder
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the text of rejected records; it may hold secrets
    #[arg(long)]
    pub keep_raw: bool,
    /// Pseudonyms for people, and only the network of client addresses
    #[arg(long, conflicts_with = "keep_raw")]
    pub privacy: bool,
    /// Threads [default: all cores]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory for record-level data, as 640MB or 2GiB; more is put on disk [default: 512MiB and 64MiB a thread]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Keep what files give in this folder, and read only new and changed files next time
    #[arg(long, value_name = "DIR")]
    pub frames: Option<PathBuf>,
    /// No progress bar, even on a terminal
    #[arg(long)]
    pub no_progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    Missed,
    Regressing,
    Unmeasured,
}

/// `credlens check`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  credlens check sample-data/estate\n  credlens check --config credlens.toml\n\nExit status: 0 a run can start, 1 it would finish but a gate or the space fails, 2 it would not finish"
)]
pub struct CheckArgs {
    /// As of `run`: the same paths and flags are checked
    #[command(flatten)]
    pub run: RunArgs,
}

/// `credlens diff`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  credlens diff out/2026-Q2 out/2026-Q3\n  credlens diff out/2026-Q2 out/2026-Q3 --json | jq '.verdicts'\n\nEach run is compared at its own headline period."
)]
pub struct DiffArgs {
    /// The earlier run folder
    pub a: PathBuf,
    /// The later run folder
    pub b: PathBuf,
    /// Print JSON that names every entity
    #[arg(long)]
    pub json: bool,
}

/// `credlens init`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  credlens init\n  credlens init /srv/credlens && credlens run --config /srv/credlens/credlens.toml\n\nNothing that exists is overwritten."
)]
pub struct InitArgs {
    /// The folder; made if need be
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

/// `credlens retro`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("key").required(true).multiple(false))]
#[command(
    after_help = "Examples:\n  credlens retro --run out/2026-Q3 --ticket SEC-101\n  credlens retro --run out/2026-Q3 --credential key:ak7 --out incidents\n  credlens retro --run out/2026-Q3 --identity svc-billing\n\nWrites retro-KEY.md and retro-KEY.parquet (the timeline) and prints the path of the first."
)]
pub struct RetroArgs {
    /// The run folder [default: the latest below the output folder]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// A credential as the frames spell it (kind:value); any other text is digested as a secret is
    #[arg(long, value_name = "REF", group = "key")]
    pub credential: Option<String>,
    /// Key of a ticket
    #[arg(long, value_name = "KEY", group = "key")]
    pub ticket: Option<String>,
    /// An identity
    #[arg(long, value_name = "ID", group = "key")]
    pub identity: Option<String>,
    /// Where to write [default: the run folder]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `credlens inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The file; - is standard input
    pub file: PathBuf,
    /// Read it as this pack instead of detecting it
    #[arg(long, value_name = "ID")]
    pub pack: Option<String>,
    /// Records to show
    #[arg(long, default_value_t = 10)]
    pub records: usize,
    /// Pseudonyms for every name, and only the network of client addresses
    #[arg(long)]
    pub privacy: bool,
}

/// `credlens query`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  credlens query open_cases\n  credlens query metrics/SC01 --run out/2026-Q3 --format csv\n  credlens query \"select api, verdict from apis where period = '2026-Q3'\" --format parquet > apis.parquet\n\n`credlens list frames`, `credlens list investigations` and `credlens explain apis` show what there is to ask."
)]
pub struct QueryArgs {
    /// SQL, the name of a saved investigation, or metrics/ID
    pub query: String,
    /// The run folder [default: the latest below the output folder]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Output form
    #[arg(long, value_enum, default_value = "table")]
    pub format: QueryFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    Table,
    Csv,
    Json,
    Parquet,
}
