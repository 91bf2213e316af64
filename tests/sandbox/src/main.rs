//! Runs the sandbox by hand, or under a test harness.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use sandbox::{Options, Page};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

const USAGE: &str = "\
usage: sandbox [options]
  --port N               the port of the Bayeux and control addresses (a free one)
  --www DIR              serve this folder as a page, on a port of its own
  --pkg DIR              serve this folder below /pkg/ of the page
  --page-port N          the page's port (a free one)
  --timeout-ms N         how long a poll is held (110000)
  --max-interval-ms N    how long a session lives without a request (40000)
  --no-ack               no acknowledgement extension
  --orders-per-second F  sample orders published (1; with --json 0)
  --salesforce           those orders as platform events on /event/Order__e too
  --speed F              divide all times of the server by F (1)
  --json                 print the addresses as one line of JSON
  --parent-stdin         exit when standard input is closed";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            // Whoever pipes this into `head` has read what they wanted.
            let _ = writeln!(io::stdout(), "{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    options: Options,
    json: bool,
    parent_stdin: bool,
}

impl Arguments {
    /// `None` if help is asked for.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Options::default();
        let (mut www, mut pkg, mut page_port) = (None, None, 0);
        let (mut json, mut parent_stdin, mut rate) = (false, false, None);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--port" => options.port = number(&word, &value()?)?,
                "--www" => www = Some(value()?.into()),
                "--pkg" => pkg = Some(value()?.into()),
                "--page-port" => page_port = number(&word, &value()?)?,
                "--timeout-ms" => options.config.timeout_ms = number(&word, &value()?)?,
                "--max-interval-ms" => options.config.max_interval_ms = number(&word, &value()?)?,
                "--no-ack" => options.config.ack = false,
                "--orders-per-second" => rate = Some(number(&word, &value()?)?),
                "--salesforce" => {
                    options.config.salesforce.orders_event = Some("/event/Order__e".to_owned());
                }
                "--speed" => options.speed = number(&word, &value()?)?,
                "--json" => json = true,
                "--parent-stdin" => parent_stdin = true,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("what is {word}?")),
            }
        }
        options.config.orders_per_second = rate.unwrap_or(if json { 0.0 } else { 1.0 });
        options.page = match www {
            Some(www) => Some(Page { www, pkg, port: page_port }),
            None if pkg.is_some() => return Err("--pkg needs --www".to_owned()),
            None => None,
        };
        Ok(Some(Self { options, json, parent_stdin }))
    }
}

fn number<T: std::str::FromStr>(option: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{option} {text}: not such a number"))
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let config = arguments.options.config.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = sandbox::start(arguments.options).await?;
    let (bayeux, control) = (running.bayeux_url(), running.control_url());
    let salesforce = running.salesforce_url();
    let text = if arguments.json {
        let mut line = json!({ "bayeux": bayeux, "control": control, "salesforce": salesforce });
        if let Some(page) = running.page_url() {
            line["page"] = page.into();
        }
        line.to_string()
    } else {
        let page = running.page_url().map(|page| format!("page     {page}\n")).unwrap_or_default();
        format!(
            "{page}bayeux   {bayeux}\ncontrol  {control}/stats\n\
             login    {salesforce}/services/oauth2/token, then {salesforce}/cometd/67.0\n\
             {} orders a second on {}; more worlds at /w/NAME/cometd; Ctrl-C ends it",
            config.orders_per_second, config.orders_channel
        )
    };
    // The harness reads this line from a pipe, which is written to in blocks.
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    drop(out);

    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = stdin_closed(), if arguments.parent_stdin => {}
    }
    Ok(())
}

async fn stdin_closed() {
    let (closed, wait) = oneshot::channel::<()>();
    // A thread and not tokio's stdin, whose read would hold up the exit.
    std::thread::spawn(move || {
        let _closed = closed;
        let mut buffer = [0; 256];
        let mut stdin = io::stdin().lock();
        while stdin.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let _ = wait.await;
}
