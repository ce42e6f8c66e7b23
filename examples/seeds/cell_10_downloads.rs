//! Three downloads at the same time, a process each.
//!
//! The notebook fetched three files from the web. Each of its processes wrote one of them into the
//! current directory and printed a line; at the end the parent printed `All downloads completed`,
//! and did so whether or not that was true, because it never learnt how its processes had fared.
//!
//! Notice:
//! - The function returns a `Result`. `Failure` is made of any error by `?` and carries its text
//!   to the parent, which counts the failures before it says that all is well.
//! - `current_dir` is where a process works, so the function needs to know only the file's name.
//!
//! The web is a server on the loopback interface here, which the program starts itself. The files
//! go into a temporary directory, which it removes.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use procession::{Failure, process};

/// Downloads a file from a given URL and saves it to disk.
#[process]
fn download_file(url: String, filename: String) -> Result<u64, Failure> {
    let mut contents = get(&url)?;
    let length = io::copy(&mut contents, &mut fs::File::create(&filename)?)?;
    println!("Downloaded {url} to {filename}");
    Ok(length)
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let address = serve(&["data1.txt", "data2.txt", "data3.txt"])?;
    let directory = TemporaryDirectory::new()?;

    let mut processes = Vec::new();
    for i in 1..=3 {
        let url = format!("http://{address}/data{i}.txt");
        let process = download_file::builder()
            .current_dir(&directory.0)
            .spawn((url, format!("file{i}.txt")))?;
        processes.push(process);
    }

    let mut failed = 0;
    for process in processes {
        // Two answers in one: whether the process lived to tell, and what it had to tell.
        match process.join() {
            Ok(Ok(_length)) => {}
            Ok(Err(failure)) => {
                eprintln!("a download failed: {failure:?}");
                failed += 1;
            }
            Err(error) => {
                eprintln!("a download was cut short: {error}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        eprintln!("{failed} of 3 downloads failed");
        return Ok(ExitCode::FAILURE);
    }
    println!("All downloads completed");
    Ok(ExitCode::SUCCESS)
}

/// Asks for a URL and returns what comes after the headers of the answer.
fn get(url: &str) -> Result<impl Read, Failure> {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| Failure::new(format!("`{url}` is not an http URL")))?;
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = BufReader::new(stream);
    let mut status = String::new();
    answer.read_line(&mut status)?;
    if status.split(' ').nth(1) != Some("200") {
        return Err(Failure::new(format!("{url}: {}", status.trim_end())));
    }
    let mut header = String::new();
    while answer.read_line(&mut header)? > 2 {
        header.clear();
    }
    Ok(answer)
}

/// Starts a server for these names on a free port of the loopback interface.
fn serve(names: &'static [&'static str]) -> io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A visitor that goes away before it has its answer is no concern of the next one.
            let _ = stream.and_then(|stream| answer(stream, names));
        }
    });
    Ok(address)
}

fn answer(stream: TcpStream, names: &[&str]) -> io::Result<()> {
    let mut request = BufReader::new(&stream);
    let mut first = String::new();
    request.read_line(&mut first)?;
    let mut header = String::new();
    while request.read_line(&mut header)? > 2 {
        header.clear();
    }
    let name = first.split(' ').nth(1).unwrap_or_default();
    let name = name.trim_start_matches('/');
    if names.contains(&name) {
        write!(&stream, "HTTP/1.0 200 OK\r\n\r\nThis is {name}.\n")
    } else {
        write!(&stream, "HTTP/1.0 404 Not Found\r\n\r\n")
    }
}

/// A directory of this program's own, removed with what is in it.
struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn new() -> io::Result<Self> {
        let name = format!("procession-downloads-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(TemporaryDirectory(path))
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // Nobody is left to hear that it did not work.
        let _ = fs::remove_dir_all(&self.0);
    }
}
