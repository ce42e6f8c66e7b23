//! Paints the Mandelbrot set over a pool of processes, a row a task, into a PNG file.
//!
//! ```text
//! cargo run --release --example mandelbrot
//! cargo run --release --example mandelbrot -- --chaos
//! ```
//!
//! With `--chaos` it paints the picture twice. The second time somebody kills a random worker with
//! SIGKILL every 100 milliseconds. The pool replaces it and runs the row that it had in hand again, so
//! the picture is the same, byte for byte; the program compares them and says so.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use std::{env, thread};

use indicatif::ProgressBar;
use procession::{Pool, TaskError, process};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

const USAGE: &str = "\
usage: mandelbrot [--chaos] [--width N] [--height N] [FILE]

Paints the Mandelbrot set into FILE, or into mandelbrot.png.

  --width N   how wide the picture is, in pixels; 1200 unless told
  --height N  how high it is; 800 unless told
  --chaos     paints it once more while workers are killed, and compares
  --help      prints this

The exit code is 1 if there is no picture, or the two differ.";

/// How often somebody kills a worker.
const EVERY: Duration = Duration::from_millis(100);

/// A point that has not gone away after so many steps is in the set.
const STEPS: u32 = 500;

/// Each pixel is the mean of so many points across, and as many down.
const POINTS: u32 = 3;

/// How large the picture is, in pixels.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Size {
    width: u32,
    height: u32,
}

/// A row of the picture: three bytes a pixel.
#[process]
fn row(y: u32, size: Size) -> Vec<u8> {
    (0..size.width).flat_map(|x| pixel(x, y, size)).collect()
}

fn main() -> ExitCode {
    let options = match Options::read(env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("mandelbrot: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mandelbrot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let Options { size, ref file, chaos } = *options;
    let pool = Pool::builder().name("painters").build()?;
    let picture = paint(&pool, size)?;
    println!("{} x {} pixels by {} workers", size.width, size.height, pool.workers());
    println!("digest {:016x}", digest(&picture));
    write(file, size, &picture)?;
    println!("written to {}", file.display());
    if chaos {
        let (again, killed) = paint_in_chaos(&pool, size)?;
        println!("digest {:016x}, though {killed} workers were killed", digest(&again));
        if again != picture {
            return Err("the pictures differ".into());
        }
        println!("the pictures are the same");
    }
    Ok(())
}

/// Paints the picture, with a bar that shows how far it is.
fn paint(pool: &Pool, size: Size) -> Result<Vec<u8>, TaskError> {
    let bar = ProgressBar::new(size.height.into());
    let rows = pool
        .tasks::<row>()
        .retries(u32::MAX)
        .poison_after(u32::MAX) // no row is to blame for what somebody does to its worker
        .on_progress(|progress| bar.set_position(progress.done))
        .map((0..size.height).map(|y| (y, size)))?;
    bar.finish_and_clear();
    Ok(rows.concat())
}

/// The same while somebody kills workers; and how many were killed.
fn paint_in_chaos(pool: &Pool, size: Size) -> Result<(Vec<u8>, u32), TaskError> {
    let (done, finished) = channel();
    thread::scope(|scope| {
        let killer = scope.spawn(move || kill_workers(pool, &finished));
        let picture = paint(pool, size);
        drop(done);
        let killed = killer.join().expect("it only kills others");
        Ok((picture?, killed))
    })
}

/// Kills a random worker at once, and another one now and then until the picture is done. How many were
/// killed.
fn kill_workers(pool: &Pool, finished: &Receiver<()>) -> u32 {
    let (mut killed, mut random) = (0, u64::from(std::process::id()));
    loop {
        // Knuth's generator; its higher bits are random enough to choose a victim.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let workers: Vec<u32> = pool.dump().workers.iter().filter_map(|one| one.pid).collect();
        let choice = (random >> 33) as usize % workers.len().max(1);
        let victim = workers.get(choice).and_then(|&pid| Pid::from_raw(pid.try_into().ok()?));
        if victim.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok()) {
            killed += 1;
        }
        if finished.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            return killed;
        }
    }
}

/// The colour of a pixel.
fn pixel(x: u32, y: u32, size: Size) -> [u8; 3] {
    // The set lies between -2.1 and 0.7, around the real axis.
    let scale = 2.8 / f64::from(size.width);
    let at = |place: u32, part: u32, whole: u32| {
        let part = (f64::from(part) + 0.5) / f64::from(POINTS);
        (f64::from(place) + part - f64::from(whole) / 2.0) * scale
    };
    let mut sum = [0.0; 3];
    for part in 0..POINTS * POINTS {
        let real = at(x, part % POINTS, size.width) - 0.7;
        let imaginary = at(y, part / POINTS, size.height);
        let colour = colour(steps(real, imaginary));
        sum.iter_mut().zip(colour).for_each(|(sum, one)| *sum += one);
    }
    sum.map(|sum| (255.0 * sum / f64::from(POINTS * POINTS)).round() as u8)
}

/// After how many steps of `z² + c` a point is gone. What is between two whole numbers is how far it
/// has gone by then, so that the colours have no edges.
fn steps(real: f64, imaginary: f64) -> Option<f64> {
    let (mut x, mut y) = (0.0, 0.0);
    let step = (0..STEPS).find(|_| {
        (x, y) = (x * x - y * y + real, 2.0 * x * y + imaginary);
        x * x + y * y > 256.0
    })?;
    Some(f64::from(step) - (x * x + y * y).ln().log2())
}

/// Black for the set, and from blue over white to gold around it.
fn colour(steps: Option<f64>) -> [f64; 3] {
    let Some(steps) = steps else { return [0.0; 3] };
    let turn = steps.max(0.0).sqrt() / 4.0;
    // How far each of the three is in its wave.
    [0.5, 0.6, 0.75].map(|phase| {
        let wave = (turn + phase).fract();
        1.0 - (2.0 * wave - 1.0).abs()
    })
}

/// Writes the picture into a PNG file.
fn write(file: &Path, size: Size, picture: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    let named = |error| format!("`{}`: {error}", file.display());
    let writer = BufWriter::new(File::create(file).map_err(named)?);
    let mut encoder = png::Encoder::new(writer, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture)?;
    Ok(writer.finish()?)
}

/// A number for the whole picture (FNV-1a), to tell two apart at a glance.
fn digest(picture: &[u8]) -> u64 {
    let add = |digest: u64, &byte: &u8| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    picture.iter().fold(0xcbf2_9ce4_8422_2325, add)
}

/// What was asked for.
struct Options {
    size: Size,
    file: PathBuf,
    chaos: bool,
}

impl Options {
    /// `None` asks for help.
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut size = Size { width: 1200, height: 800 };
        let (mut file, mut chaos) = (None, false);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" => return Ok(None),
                "--chaos" => chaos = true,
                "--width" => size.width = pixels(&argument, arguments.next())?,
                "--height" => size.height = pixels(&argument, arguments.next())?,
                option if option.starts_with('-') => {
                    return Err(format!("there is no option `{option}`"));
                }
                _ if file.is_none() => file = Some(PathBuf::from(argument)),
                _ => return Err("there is one picture only".to_owned()),
            }
        }
        let file = file.unwrap_or_else(|| PathBuf::from("mandelbrot.png"));
        Ok(Some(Options { size, file, chaos }))
    }
}

fn pixels(option: &str, number: Option<String>) -> Result<u32, String> {
    let number = number.and_then(|number| number.parse().ok());
    let pixels = number.filter(|pixels| (1..=20_000).contains(pixels));
    pixels.ok_or_else(|| format!("{option} needs a number from 1 to 20000"))
}
