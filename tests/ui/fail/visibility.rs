//! The types are at least as visible as the function; where they are not, the compiler says so.

mod jobs {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(crate) struct Job;

    #[procession::process]
    pub fn repeat(job: Job, times: u64) -> Vec<Job> {
        let _ = times;
        vec![job]
    }
}

fn main() {
    jobs::repeat(jobs::Job, 1);
}
