//! Processes that a test starts, and that never outlive it.
//!
//! A test may end by returning, by a panic, or by being killed in a way that runs none of its code. A [`Guardian`] covers
//! all three: a shell in a process group of its own that waits for its standard input to close, which the system sees to
//! however the test ends, and then kills what it was told of and removes the directory they worked in.
//!
//! Not covered: a guardian that is itself killed together with the test.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

/// `$1` is the directory. Each line names a signal and what `kill` sends it to; all are obeyed when the input ends.
const GUARDIAN: &str = r#"
trap '' HUP INT QUIT TERM
orders=
while read -r signal target; do orders="$orders $signal:$target"; done
for order in $orders; do kill -s "${order%%:*}" -- "${order#*:}" 2>/dev/null; done
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null && exit 0
  sleep 0.2
done
exit 1
"#;

/// How much of a log is shown when something failed, in bytes from its end.
const LOG_TAIL: u64 = 6 * 1024;

/// Ports are taken from below the range from which systems give ports to outgoing connections, so that none of those
/// can take a port between its choice and its use.
const FIRST_PORT: u16 = 20_000;
const PORT_COUNT: u16 = 12_000;

/// Kills processes and removes a directory when it is dropped, and when this process ends in any other way.
#[derive(Debug)]
pub struct Guardian {
    shell: Child,
    orders: Option<ChildStdin>,
}

impl Guardian {
    /// Starts guarding `directory`, which is removed at the end.
    ///
    /// # Errors
    /// When no shell can be started.
    pub fn start(directory: &Path) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()?;
        let orders = shell.stdin.take();
        Ok(Self { shell, orders })
    }

    /// At the end, kills the whole process group that the process with this id leads.
    ///
    /// # Errors
    /// When the guardian is gone.
    pub fn kill_group(&mut self, leader: u32) -> io::Result<()> {
        self.order(&format!("KILL -{leader}\n"))
    }

    /// At the end, asks the process with this id to quit, in the manner of PostgreSQL's immediate shutdown.
    ///
    /// # Errors
    /// When the guardian is gone.
    pub fn quit(&mut self, process: u32) -> io::Result<()> {
        self.order(&format!("QUIT {process}\n"))
    }

    fn order(&mut self, line: &str) -> io::Result<()> {
        match &mut self.orders {
            Some(orders) => orders.write_all(line.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // The shell acts when its input closes. The processes it kills are reaped afterwards, by their own owners, so
        // that no other process can have got one of their ids in between.
        self.orders = None;
        let _ = self.shell.wait();
    }
}

/// Which process group a process is started in.
#[derive(Debug, Clone, Copy)]
pub enum Group {
    /// A new one, which it leads.
    Own,
    /// That of the process with this id.
    Of(u32),
}

/// A running program whose output goes to a file.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// How long its end is waited for before it is forced.
    patience: Duration,
}

impl Process {
    /// Starts `command` with its output in `<directory>/<name>.log`, appended to.
    ///
    /// # Errors
    /// When the log cannot be written or the program cannot be started.
    pub fn start(
        name: &'static str,
        command: &mut Command,
        directory: &Path,
        group: Group,
    ) -> io::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let group = match group {
            Group::Own => 0,
            Group::Of(leader) => i32::try_from(leader).map_err(io::Error::other)?,
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(group)
            .spawn()?;
        Ok(Self { name, child, log, patience: Duration::ZERO })
    }

    /// Gives the process time to end by itself after it was asked to.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What it was called when it was started.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The last few kilobytes of its output; why they cannot be read, if so.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log).unwrap_or_else(|error| format!("(no log: {error})"))
    }

    /// The memory it holds, in KiB, where the system tells (Linux).
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let end = Instant::now() + self.patience;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The log tails of processes, one after the other, for an error that a person reads.
pub fn log_tails<'a>(processes: impl IntoIterator<Item = &'a Process>) -> String {
    let tails: BTreeMap<_, _> =
        processes.into_iter().map(|process| (process.name(), process.log_tail())).collect();
    tails.iter().map(|(name, tail)| format!("--- {name} ---\n{tail}\n")).collect()
}

/// A TCP port of the loopback interface on which nothing listens, never given twice by this process.
///
/// Another process may take it first; whoever starts a server on it tries again with another one then.
///
/// # Errors
/// When none is free.
pub fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at the same time begin at different places.
    let begin = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(PORT_COUNT))
        .map_err(io::Error::other)?;
    for _ in 0..PORT_COUNT {
        let offset = (NEXT.fetch_add(1, Ordering::Relaxed) % PORT_COUNT + begin) % PORT_COUNT;
        let port = FIRST_PORT + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Asks `probe` again and again until it answers or `patience` is over.
///
/// For what announces itself in no other way: a server that does not listen yet.
pub async fn until<T>(patience: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let mut ticks = tokio::time::interval(Duration::from_millis(25));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let asking = async {
        loop {
            ticks.tick().await;
            if let Some(answer) = probe().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(patience, asking).await.ok()
}
