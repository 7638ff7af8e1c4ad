//! `rounds run ACTION`: a configured action, through the same plan and the same executor as
//! its key in the dashboard.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use crate::cli::act::act;
use crate::cli::{ActFlags, Global, Session};
use crate::domain::action_name::ActionName;
use crate::domain::inventory::Target;

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The action's id
    action: String,
    /// A parameter of the action; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = name_and_value)]
    params: Vec<(String, String)>,
    #[command(flatten)]
    act: ActFlags,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) async fn run(args: &RunArgs, global: &Global) -> color_eyre::Result<ExitCode> {
    let session = Session::open(global).await?;
    let params: BTreeMap<String, String> = args.params.iter().cloned().collect();
    act(&session, &ActionName::custom(&args.action), &Target::action(&args.action), &params, &args.act).await
}
