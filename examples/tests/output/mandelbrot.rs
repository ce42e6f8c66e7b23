//! What `mandelbrot` paints, whoever is killed.

use std::fs;
use std::time::{Duration, Instant};

use crate::{CARRIERS, Ran, Scratch, example, expected, replace_numbers, run};

/// Paints a small picture; what was printed without what differs, how many workers were killed, and
/// the file.
fn mandelbrot(carrier: &str, options: &[&str]) -> (String, Vec<u32>, Vec<u8>) {
    let directory = Scratch::new();
    let mut command = example("mandelbrot");
    command.current_dir(&directory.0).env("PROCESSION_CARRIER", carrier);
    command.args(["--width", "240", "--height", "160", "picture.png"]).args(options);

    let Ran { mut stdout, stderr, code } = run(&mut command);

    assert_eq!(stderr, "");
    assert_eq!(code, Some(0), "{stdout}");
    let workers = replace_numbers(&mut stdout, "pixels by ", "N");
    assert!(matches!(workers[..], [n] if n > 0), "{stdout}");
    let killed = replace_numbers(&mut stdout, ", though ", "K");
    let digest = stdout.split("digest ").nth(1).and_then(|rest| rest.get(..16)).unwrap().to_owned();
    (stdout.replace(&digest, "D"), killed, fs::read(directory.0.join("picture.png")).unwrap())
}

#[test]
fn mandelbrot_paints_the_same_picture_while_workers_are_killed() {
    for carrier in CARRIERS {
        let (told, killed, picture) = mandelbrot(carrier, &[]);
        assert_eq!(told, expected("mandelbrot"));
        assert_eq!(killed, []);
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));

        let (told, killed, again) = mandelbrot(carrier, &["--chaos"]);
        assert_eq!(told, expected("mandelbrot_chaos"));
        assert!(matches!(killed[..], [n] if n > 0), "nobody was killed: {killed:?}");
        assert!(again == picture);
    }
}

#[test]
fn mandelbrot_leaves_no_process_behind_when_it_is_killed_itself() {
    let directory = Scratch::new();
    let mark = format!("procession-mandelbrot-{}", std::process::id());
    let mut program = example("mandelbrot")
        .args(["--chaos", "picture.png"])
        .current_dir(&directory.0)
        .envs([("TMPDIR", directory.0.as_os_str()), ("MARK", mark.as_ref())])
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while marked(&mark) < 2 {
        assert!(Instant::now() < deadline, "it has no workers");
        std::thread::yield_now();
    }

    program.kill().unwrap();
    program.wait().unwrap();

    while marked(&mark) > 0 {
        assert!(Instant::now() < deadline, "its workers are still there");
        std::thread::yield_now();
    }
}

/// How many living processes have this in their environment.
fn marked(mark: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let environments = processes.filter_map(|one| fs::read(one.path().join("environ")).ok());
    let entry = format!("MARK={mark}");
    environments
        .filter(|all| all.split(|&byte| byte == 0).any(|one| one == entry.as_bytes()))
        .count()
}

#[test]
fn mandelbrot_explains_itself_where_the_arguments_are_wrong() {
    for (arguments, mistake) in [
        (&["--width"][..], "--width needs a number from 1 to 20000"),
        (&["--height", "0"], "--height needs a number from 1 to 20000"),
        (&["--fast"], "there is no option `--fast`"),
        (&["one.png", "two.png"], "there is one picture only"),
    ] {
        let ran = run(example("mandelbrot").args(arguments));

        let said = format!("mandelbrot: {mistake}\n\nusage: mandelbrot ");
        assert!(ran.stderr.starts_with(&said), "{}", ran.stderr);
        assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(2)));
    }
}
