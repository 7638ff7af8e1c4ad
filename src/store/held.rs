//! What operators said of scheduled tasks: which were frozen and until when, and what was found right of them.

use crate::domain::drift::Acceptance;
use crate::domain::hold::Freeze;
use crate::domain::time::Timestamp;
use crate::store::{Store, StoreError, rows, sqlite};

impl Store {
    /// Remembers tasks as frozen. It is on the disk when this returns.
    pub async fn remember_freezes(&self, freezes: &[Freeze]) -> Result<(), StoreError> {
        let freezes = freezes.to_vec();
        self.durable()?.write(|c| Box::pin(sqlite::freeze::insert(c, freezes))).await
    }

    /// Remembers that these tasks are thawed; answers how many freezes that ended.
    pub async fn close_freezes(&self, tasks: &[String], at: Timestamp) -> Result<u64, StoreError> {
        let tasks = tasks.to_vec();
        self.durable()?.write(move |c| Box::pin(sqlite::freeze::close(c, tasks, at))).await
    }

    /// The latest freezes of a task, newest first.
    pub async fn freezes(&self, task: &str, limit: usize) -> Result<Vec<Freeze>, StoreError> {
        let task = task.to_owned();
        self.read.read(move |c| Box::pin(sqlite::freeze::of_task(c, task, rows(limit)))).await
    }

    /// Every freeze that nobody has thawed, oldest first.
    pub async fn open_freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        self.read.read(|c| Box::pin(sqlite::freeze::open(c))).await
    }

    /// Remembers what was found right. It is on the disk when this returns: all of it, or nothing.
    pub async fn accept(&self, all: &[Acceptance]) -> Result<(), StoreError> {
        let all = all.to_vec();
        self.durable()?.write(|c| Box::pin(sqlite::accepted::put(c, all))).await
    }

    /// What was found right: all of it, or that of one scope.
    pub async fn accepted(&self, scope: Option<&str>) -> Result<Vec<Acceptance>, StoreError> {
        let scope = scope.map(str::to_owned);
        self.read.read(|c| Box::pin(sqlite::accepted::get(c, scope))).await
    }
}
