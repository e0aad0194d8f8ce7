//! The bytes of a file, and what a power cut leaves of them.

use std::collections::BTreeMap;

use super::coins::Coins;

/// The pieces in which bytes survive a power cut, in bytes.
const SECTOR_BYTES: usize = 512;

/// How finely unsynced bytes are torn by a power cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Grain {
    Sectors,
    TornSectors,
    Bytes,
}

/// What a file holds, and what of it is durable.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// The sectors written since the last sync, each with what it held before its second and later writes.
    pub(super) unsynced: BTreeMap<usize, Vec<Vec<u8>>>,
}

impl Content {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        if !bytes.is_empty() {
            for sector in offset / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES {
                let before = self.sector(sector).to_vec();
                self.unsynced.entry(sector).and_modify(|older| older.push(before)).or_default();
            }
        }
        self.now[offset..end].copy_from_slice(bytes);
    }

    fn sector(&self, sector: usize) -> &[u8] {
        let start = sector * SECTOR_BYTES;
        &self.now[start..self.now.len().min(start + SECTOR_BYTES)]
    }

    /// Puts bytes at the beginning of a sector, up to the durable length.
    fn keep(&mut self, sector: usize, bytes: &[u8]) {
        let start = sector * SECTOR_BYTES;
        let kept = bytes.len().min(self.durable.len().saturating_sub(start));
        if kept > 0 {
            self.durable[start..start + kept].copy_from_slice(&bytes[..kept]);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.now.len(), 0);
        for sector in std::mem::take(&mut self.unsynced).into_keys() {
            let bytes = self.sector(sector).to_vec();
            self.keep(sector, &bytes);
        }
    }

    /// Reduces the content to what a power cut leaves of it.
    pub(super) fn survive(&mut self, grain: Grain, coins: &mut Coins) {
        let grown = self.now.len().saturating_sub(self.durable.len());
        if grown > 0 {
            let grows = match coins.below(4) {
                0 | 1 => grown,
                2 => coins.below(grown + 1),
                _ => 0,
            };
            self.durable.resize(self.durable.len() + grows, 0);
        }
        for (sector, mut written) in std::mem::take(&mut self.unsynced) {
            written.push(self.sector(sector).to_vec());
            let chosen = match grain {
                Grain::Sectors => coins.below(written.len() + 1).checked_sub(1).map(|n| written[n].clone()),
                Grain::TornSectors => {
                    let bytes = &written[coins.below(written.len())];
                    Some(bytes[..coins.below(bytes.len() + 1)].to_vec())
                }
                Grain::Bytes => Some(self.mix(sector, &written, coins)),
            };
            if let Some(bytes) = chosen {
                self.keep(sector, &bytes);
            }
        }
        self.now = self.durable.clone();
    }

    /// Returns a sector in which each byte is that of one of the writes, or the one before all of them.
    fn mix(&self, sector: usize, written: &[Vec<u8>], coins: &mut Coins) -> Vec<u8> {
        let start = sector * SECTOR_BYTES;
        (0..self.sector(sector).len())
            .map(|at| {
                let before = self.durable.get(start + at).copied().unwrap_or(0);
                let write = coins.below(written.len() + 1).checked_sub(1);
                write.map_or(before, |n| written[n].get(at).copied().unwrap_or(before))
            })
            .collect()
    }
}
