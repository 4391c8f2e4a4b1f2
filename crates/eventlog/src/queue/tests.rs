use super::*;

fn record(len: usize) -> [Bytes; 2] {
    [Bytes::new(), Bytes::from(vec![1; len])]
}

/// A queue with records of these lengths, and their callers.
fn queue(lens: &[usize]) -> (Queue, Vec<oneshot::Receiver<Answer>>) {
    let queue = Queue::new(100_000);
    let callers = lens.iter().map(|len| queue.push(record(*len)).unwrap()).collect();
    (queue, callers)
}

/// The lengths of the next group.
fn take(queue: &Queue, bytes_max: usize, room: u64) -> (Vec<usize>, Taken) {
    let mut group = Vec::new();
    let taken = queue.take(&mut group, bytes_max, room);
    let lens = group.iter().map(Pending::payload_bytes).collect();
    queue.answer(&mut group, || Ok(1));
    (lens, taken)
}

#[test]
fn a_group_takes_records_in_order_up_to_its_size() {
    let (queue, _callers) = queue(&[10, 20, 30]);
    // With header and padding: 56, 64 and 72 bytes.
    assert_eq!(take(&queue, 120, 1_000).0, [10, 20]);
    assert_eq!(take(&queue, 120, 1_000).0, [30]);
    assert!(matches!(take(&queue, 120, 1_000).1, Taken::Nothing));
}

#[test]
fn a_record_larger_than_a_group_goes_alone() {
    let (queue, _callers) = queue(&[10, 5_000, 10]);
    for lens in [[10], [5_000], [10]] {
        assert_eq!(take(&queue, 100, 10_000).0, lens);
    }
}

#[test]
fn a_record_waits_when_there_is_no_room_for_it() {
    let (queue, _callers) = queue(&[10, 100]);
    assert_eq!(take(&queue, 1_000, 56).0, [10]);
    assert!(matches!(take(&queue, 1_000, 143).1, Taken::NoRoom));
    assert_eq!(take(&queue, 1_000, 144).0, [100]);
}

#[test]
fn records_without_a_caller_are_dropped() {
    let (queue, mut callers) = queue(&[10, 20, 30]);
    drop(callers.remove(1));
    assert_eq!(take(&queue, 1_000, 1_000).0, [10, 30]);
    assert_eq!(queue.bytes(), 0);
}

#[test]
fn bytes_count_until_the_answer() {
    let queue = Queue::new(1_000);
    let _caller = queue.push(record(400)).unwrap();
    assert!(matches!(queue.push(record(400)), Err(AppendError::Saturated { .. })));
    let mut group = Vec::new();
    queue.take(&mut group, 1_000, 1_000);
    assert!(matches!(queue.push(record(400)), Err(AppendError::Saturated { .. })), "it is still in memory");
    queue.answer(&mut group, || Ok(1));
    let _caller = queue.push(record(5_000)).expect("a record alone always passes");
}

#[test]
fn a_closed_queue_is_emptied_first() {
    let (queue, _callers) = queue(&[10]);
    queue.close();
    assert!(matches!(queue.push(record(1)), Err(AppendError::Closed)));
    queue.wait();
    assert_eq!(take(&queue, 1_000, 1_000).0, [10]);
    queue.wait();
    assert!(matches!(take(&queue, 1_000, 1_000).1, Taken::Closed));
}

#[test]
fn a_poisoned_queue_answers_all_and_keeps_the_first_reason() {
    let (queue, mut callers) = queue(&[10, 20]);
    queue.poison(7, io::Error::other("first"));
    assert_eq!(queue.poison(9, io::Error::other("second")).to_string(), "first");
    for caller in &mut callers {
        assert!(matches!(caller.try_recv(), Ok(Err(AppendError::Poisoned { durable_to: 7, .. }))));
    }
    queue.wait();
    assert!(matches!(take(&queue, 1_000, 1_000).1, Taken::Poisoned(_)));
    assert!(matches!(queue.push(record(1)), Err(AppendError::Poisoned { .. })));
    queue.close();
    assert!(queue.poisoned().is_some(), "closing does not heal it");
}
