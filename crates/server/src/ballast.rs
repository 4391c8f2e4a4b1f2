//! A file that takes up space, so that there is some to give back when the disk is full.
//!
//! Starting on a full disk needs room: metadata recovers its journal, segments are sealed so that the log can shrink.
//! The log stops before the disk is full, but others may go on filling it. Then a start removes the ballast, and a
//! later one, with space to spare, puts it back (rule R2).

use std::io;
use std::path::Path;

use env::Files;

/// Removes the ballast when less than `reserve_bytes` are free, or makes it when there is plenty.
///
/// # Errors
///
/// As the file system reports; a disk without room for ballast is no error.
pub(crate) fn adjust(files: &dyn Files, dir: &Path, ballast_bytes: u64, reserve_bytes: u64) -> io::Result<()> {
    let path = dir.join("ballast");
    let available = files.available_bytes(dir)?;
    let present = files.list(dir)?.iter().any(|name| name.as_os_str() == "ballast");
    if present && (available < reserve_bytes || ballast_bytes == 0) {
        tracing::warn!(available, ballast_bytes, "free disk space is short: the ballast is given up");
        files.remove(&path)?;
        return files.sync_dir(dir);
    }
    let plenty = reserve_bytes.saturating_mul(2).saturating_add(ballast_bytes.saturating_mul(2));
    if present || ballast_bytes == 0 || available < plenty {
        return Ok(());
    }
    let made = files.create(&path).and_then(|file| file.allocate(ballast_bytes)).and_then(|()| files.sync_dir(dir));
    if made.is_err() {
        // Half a ballast helps nobody.
        files.remove(&path).ok();
    }
    made
}

#[cfg(test)]
mod tests {
    use env::SimDisk;

    use super::*;

    #[test]
    fn ballast_comes_with_plenty_and_goes_with_need() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/data");
        disk.create_dir_all(dir).unwrap();
        let present = || disk.list(dir).unwrap().len() == 1;
        disk.set_capacity(1_000);
        adjust(&disk, dir, 200, 200).unwrap();
        assert!(present());
        adjust(&disk, dir, 200, 200).unwrap();
        assert!(present());
        disk.set_capacity(300);
        adjust(&disk, dir, 200, 200).unwrap();
        assert!(!present());
        adjust(&disk, dir, 200, 200).unwrap();
        assert!(!present(), "there is no room to spare");
    }
}
