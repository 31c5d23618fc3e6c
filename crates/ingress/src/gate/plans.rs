//! A change of the plans: which sockets stay, which are new, which go.
//!
//! ```text
//!  before                     plans                          what happens
//!  relay  [::]:25             relay  [::]:25, other TLS      nothing but for who connects next
//!  old    127.0.0.1:2525      new    127.0.0.1:2525          the socket goes to the new listener, unclosed
//!  moved  127.0.0.1:26        moved  127.0.0.1:27            bound, then the old socket closes; its sessions stay
//!  gone   127.0.0.1:28                                       closes; its sessions end what they are at
//!  lost   (no socket)         lost   127.0.0.1:29            bound
//! ```
//!
//! A listener is lost where its socket was closed to make room for a change, and could not be had back when
//! the change failed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::porter::{Porter, Stand};
use super::post::Post;
use crate::listener::{BindError, ListenerPlan, bind};

impl Porter {
    pub(super) async fn replace(
        &mut self,
        plans: Vec<ListenerPlan>,
        deadline: Duration,
    ) -> Result<(), Vec<BindError>> {
        let kept = self.match_up(&plans);
        self.spare_handed_in(&kept)?;
        let bound = if self.is_open { self.bind_new(&plans, &kept).await? } else { HashMap::new() };
        // From here on nothing fails.
        self.rearrange(plans, &kept, bound, deadline).await;
        Ok(())
    }

    /// For each plan the stand whose socket it takes, if there is one. One that has none, though the gate is
    /// open, has nothing to take: its plan is bound like a new one.
    fn match_up(&self, plans: &[ListenerPlan]) -> Vec<Option<usize>> {
        let find = |fits: &dyn Fn(&Stand) -> bool| {
            self.stands.iter().position(|stand| !(self.is_open && stand.is_empty()) && fits(stand))
        };
        let mut kept: Vec<_> = plans
            .iter()
            .map(|plan| {
                find(&|stand| {
                    let same_name = stand.post.plan().name == plan.name;
                    same_name && (stand.is_handed_in() || stand.planned == plan.address)
                })
            })
            .collect();
        for (index, plan) in plans.iter().enumerate() {
            // Port 0 is a free one, another for each.
            if kept[index].is_none() && plan.address.port() != 0 {
                let there = find(&|stand| !stand.is_handed_in() && stand.planned == plan.address);
                kept[index] = there.filter(|there| !kept.contains(&Some(*there)));
            }
        }
        kept
    }

    fn spare_handed_in(&self, kept: &[Option<usize>]) -> Result<(), Vec<BindError>> {
        let left_alone =
            |(index, stand): &(usize, &Stand)| stand.is_handed_in() && !kept.contains(&Some(*index));
        let faults: Vec<_> = self
            .stands
            .iter()
            .enumerate()
            .filter(left_alone)
            .map(|(_, stand)| BindError::HandedIn { name: Arc::clone(&stand.post.plan().name) })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The sockets of plans that keep none, by the place of the plan.
    async fn bind_new(
        &mut self,
        plans: &[ListenerPlan],
        kept: &[Option<usize>],
    ) -> Result<HashMap<usize, TcpListener>, Vec<BindError>> {
        let faults = match self.bind_missing(plans, kept) {
            Ok(bound) => return Ok(bound),
            Err(faults) => faults,
        };
        // From [::]:25 to 192.0.2.1:25, our own socket is in the way.
        let in_the_way = self.in_the_way(&faults, kept);
        if in_the_way.is_empty() {
            return Err(faults);
        }
        for index in &in_the_way {
            self.stands[*index].close().await;
        }
        self.bind_missing(plans, kept).map_err(|mut faults| {
            faults.extend(in_the_way.into_iter().filter_map(|index| self.reopen(index).err()));
            faults
        })
    }

    /// Stands that go, and whose port is that of an address that is in use.
    fn in_the_way(&self, faults: &[BindError], kept: &[Option<usize>]) -> Vec<usize> {
        let ports: Vec<u16> = faults.iter().filter_map(BindError::port_in_use).collect();
        if ports.len() < faults.len() {
            return Vec::new();
        }
        let goes = |(index, stand): &(usize, &Stand)| {
            !stand.is_empty() && !kept.contains(&Some(*index)) && ports.contains(&stand.address.port())
        };
        self.stands.iter().enumerate().filter(goes).map(|(index, _)| index).collect()
    }

    /// Opens again what was closed in vain. Where that fails the listener is lost, until it is opened anew.
    fn reopen(&mut self, index: usize) -> Result<(), BindError> {
        let stand = &mut self.stands[index];
        let socket = bind(&stand.post.plan().name, stand.address)?;
        stand.open(socket);
        Ok(())
    }

    fn bind_missing(
        &self,
        plans: &[ListenerPlan],
        kept: &[Option<usize>],
    ) -> Result<HashMap<usize, TcpListener>, Vec<BindError>> {
        let (mut bound, mut faults) = (HashMap::new(), Vec::new());
        for (index, plan) in plans.iter().enumerate().filter(|(index, _)| kept[*index].is_none()) {
            match bind(&plan.name, self.address_for(plan)) {
                Ok(socket) => drop(bound.insert(index, socket)),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(bound) } else { Err(faults) }
    }

    /// Where a plan without a socket is bound: a listener that was lost comes back by the port that it had.
    fn address_for(&self, plan: &ListenerPlan) -> SocketAddr {
        let same = |stand: &&Stand| stand.post.plan().name == plan.name && stand.planned == plan.address;
        self.stands.iter().find(same).map_or(plan.address, |stand| stand.address)
    }

    async fn rearrange(
        &mut self,
        plans: Vec<ListenerPlan>,
        kept: &[Option<usize>],
        mut bound: HashMap<usize, TcpListener>,
        deadline: Duration,
    ) {
        let before = std::mem::take(&mut self.stands);
        let mut posts: Vec<Arc<Post>> = before.iter().map(|stand| Arc::clone(&stand.post)).collect();
        let mut before: Vec<Option<Stand>> = before.into_iter().map(Some).collect();
        for (index, plan) in plans.into_iter().enumerate() {
            let known = posts.iter().position(|post| post.plan().name == plan.name);
            let post = known.map(|known| posts.swap_remove(known));
            let mut stand = match kept[index].and_then(|kept| before[kept].take()) {
                Some(stand) => stand,
                None => Stand::without_socket(&self.door, plan.clone()),
            };
            stand.man(post.unwrap_or_else(|| Post::new(&self.door, plan.clone())), plan).await;
            if let Some(socket) = bound.remove(&index) {
                stand.open(socket);
            }
            self.stands.push(stand);
        }
        for mut gone in before.into_iter().flatten() {
            gone.close().await;
        }
        posts.into_iter().for_each(|post| self.retire(post, deadline));
    }
}
