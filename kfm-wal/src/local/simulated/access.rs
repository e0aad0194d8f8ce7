//! The disk as a process uses it: the calls of [`Disk`], open files and locks.

use std::io;
use std::path::{Path, PathBuf};

use super::names::NameChange;
use super::{Fault, SimulatedDisk, refused_by};
use crate::local::disk::{Access, Disk, DiskFile, DiskLock, Links};

impl Disk for SimulatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.alive(world.boot)?;
        world.dirs.extend(dir.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        world.alive(world.boot)?;
        if !world.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = world.names.keys().chain(&world.dirs).filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.alive(world.boot)?;
        let inode = world.names.get(path).copied();
        let inode = match (access, inode) {
            (Access::New, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Access::Create | Access::New, _) => {
                // A new file, as if the old one were removed first.
                let boot = world.boot;
                if let Some(fault) = world.change(boot)? {
                    return Err(refused_by(fault));
                }
                let inode = world.add(path);
                world.pending.push(NameChange::Add(path.to_path_buf(), inode));
                inode
            }
            (_, Some(inode)) => inode,
            (_, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        let boot = world.boot;
        let writes = access != Access::Read;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, boot, writes }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        let inode = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        world.rename_or(NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf(), inode })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world().rename_or(NameChange::Remove(path.to_path_buf()))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        let boot = world.boot;
        let fault = world.change(boot)?;
        if fault.is_none() {
            let (synced, pending) = std::mem::take(&mut world.pending)
                .into_iter()
                .partition::<Vec<_>, _>(|change| change.dir() == Some(dir));
            world.pending = pending;
            for change in synced {
                change.apply(&mut world.durable_names);
            }
        }
        fault.map_or(Ok(()), |fault| Err(refused_by(fault)))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut world = self.world();
        world.alive(world.boot)?;
        if !world.names.contains_key(path) {
            let inode = world.add(path);
            world.pending.push(NameChange::Add(path.to_path_buf(), inode));
        }
        if !world.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        let boot = world.boot;
        Ok(Some(Box::new(SimulatedLock { disk: self.clone(), path: path.to_path_buf(), boot })))
    }
}

impl Links for SimulatedDisk {
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.alive(world.boot)?;
        let inode = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        if world.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        world.rename_or(NameChange::Add(to.to_path_buf(), inode))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
    boot: u64,
    writes: bool,
}

impl DiskFile for SimulatedFile {
    fn bytes(&mut self) -> io::Result<u64> {
        let world = self.disk.world();
        world.alive(self.boot)?;
        Ok(world.files[self.inode].now.len() as u64)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let world = self.disk.world();
        world.alive(self.boot)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = world.files[self.inode].now.get(start..).unwrap_or_default();
        let read = bytes.len().min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.world();
        if !self.writes {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let fault = world.change(self.boot)?;
        let written = match fault {
            Some(Fault::Refuse) => 0,
            Some(Fault::Half) => bytes.len() / 2,
            _ => bytes.len(),
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        world.files[self.inode].write(offset, &bytes[..written]);
        fault.map_or(Ok(()), |fault| Err(refused_by(fault)))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.disk.world();
        let fault = world.change(self.boot)?;
        match fault {
            None => world.files[self.inode].sync(),
            Some(Fault::Lie) => world.files[self.inode].unsynced.clear(),
            Some(_) => {}
        }
        fault.map_or(Ok(()), |fault| Err(refused_by(fault)))
    }
}

#[derive(Debug)]
struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
    boot: u64,
}

impl DiskLock for SimulatedLock {
    fn note(&mut self, holder: &str) -> io::Result<()> {
        let mut world = self.disk.world();
        world.alive(self.boot)?;
        let inode = world.names[&self.path];
        world.files[inode].now = holder.as_bytes().to_vec();
        Ok(())
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        if world.boot == self.boot {
            world.locks.remove(&self.path);
        }
    }
}
