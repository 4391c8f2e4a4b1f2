//! The client against answers in pieces, and against a server of a few lines.

use tokio::net::TcpListener;

use super::*;

#[test]
fn a_head_is_read_once_it_is_complete() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-Length: 2\r\n\r\nok";
    for len in 0..38 {
        assert_eq!(read_head(&answer[..len]).unwrap(), None, "{len} bytes");
    }
    assert_eq!(read_head(answer).unwrap(), Some(Head { status: 200, len: 38, body_len: 2 }));
}

#[test]
fn answers_without_a_length_are_refused() {
    assert!(read_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    assert!(read_head(b"SSH-2.0\r\nContent-Length: 1\r\n\r\n").is_err());
}

/// Answers request number n on each connection with the n-th of `statuses`, the last one for ever.
async fn serve(listener: TcpListener, statuses: &'static [u16]) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let mut read = Vec::new();
            for number in 0.. {
                while let Ok(None) | Err(_) = read_head(&[b"HTTP/1.1 200\r\n", read.as_slice()].concat()) {
                    if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                read.clear();
                let status = statuses.get(number).or_else(|| statuses.last()).copied().unwrap_or(200);
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 3\r\n\r\nyes");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
    }
}

fn outcome(statuses: &'static [u16]) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Bodies::Finished([Bytes::from_static(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")].into());
        let load = Load { address, connections: 3, requests: 20, bodies };
        tokio::select! {
            () = serve(listener, statuses) => unreachable!("it serves for ever"),
            outcome = load.run() => outcome,
        }
    })
}

#[test]
fn every_request_is_sent_once_and_timed() {
    let outcome = outcome(&[200]).unwrap();
    assert_eq!((outcome.acknowledged, outcome.refused, outcome.latencies_us.len()), (20, 0, 20));
}

#[test]
fn a_server_that_asks_for_a_pause_is_counted_as_refusing() {
    let outcome = outcome(&[200, 503, 200]).unwrap();
    assert_eq!(outcome.acknowledged + outcome.refused, 20);
    assert!((1..=3).contains(&outcome.refused), "{}", outcome.refused);
}

#[test]
fn any_other_answer_ends_the_run() {
    assert_eq!(outcome(&[401]).unwrap_err().to_string(), "the server answered 401: yes");
}
