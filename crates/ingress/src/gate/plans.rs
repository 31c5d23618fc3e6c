//! A change of the plans: which sockets stay, which are new, which go.
//!
//! ```text
//!  before                     plans                          what happens
//!  relay  [::]:25             relay  [::]:25, other TLS      nothing but for who connects next
//!  old    127.0.0.1:2525      new    127.0.0.1:2525          the socket goes to the new listener, unclosed
//!  moved  127.0.0.1:26        moved  127.0.0.1:27            bound, then the old socket closes; its sessions stay
//!  gone   127.0.0.1:28                                       closes; its sessions end what they are at
//! ```

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

    /// For each plan the stand whose socket it takes, if there is one.
    fn match_up(&self, plans: &[ListenerPlan]) -> Vec<Option<usize>> {
        let find = |fits: &dyn Fn(&Stand) -> bool| self.stands.iter().position(fits);
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
        let ours = self.held(plans, kept);
        let faults = match bind_missing(plans, kept, ours.clone()) {
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
        let again = bind_missing(plans, kept, ours);
        if again.is_err() {
            in_the_way.into_iter().for_each(|index| self.reopen(index));
        }
        again
    }

    /// The addresses of sockets that stay, with the names that their listeners have from now on.
    fn held(&self, plans: &[ListenerPlan], kept: &[Option<usize>]) -> Vec<(Arc<str>, SocketAddr)> {
        let held = |(plan, kept): (&ListenerPlan, &Option<usize>)| {
            Some((Arc::clone(&plan.name), self.stands[(*kept)?].address))
        };
        plans.iter().zip(kept).filter_map(held).collect()
    }

    /// Stands that go, and whose port is that of an address that is in use.
    fn in_the_way(&self, faults: &[BindError], kept: &[Option<usize>]) -> Vec<usize> {
        let ports: Vec<u16> = faults.iter().filter_map(BindError::port_in_use).collect();
        if ports.len() < faults.len() {
            return Vec::new();
        }
        let goes = |(index, stand): &(usize, &Stand)| {
            !kept.contains(&Some(*index)) && ports.contains(&stand.address.port())
        };
        self.stands.iter().enumerate().filter(goes).map(|(index, _)| index).collect()
    }

    fn reopen(&mut self, index: usize) {
        let stand = &mut self.stands[index];
        match bind(&stand.post.plan().name, stand.address) {
            Ok(socket) => stand.open(socket),
            Err(error) => tracing::error!(%error, "a listener is lost: enable again"),
        }
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

fn bind_missing(
    plans: &[ListenerPlan],
    kept: &[Option<usize>],
    mut ours: Vec<(Arc<str>, SocketAddr)>,
) -> Result<HashMap<usize, TcpListener>, Vec<BindError>> {
    let (mut bound, mut faults) = (HashMap::new(), Vec::new());
    for (index, plan) in plans.iter().enumerate().filter(|(index, _)| kept[*index].is_none()) {
        match bind(&plan.name, plan.address) {
            Ok(socket) => {
                ours.push((Arc::clone(&plan.name), plan.address));
                bound.insert(index, socket);
            }
            Err(fault) => faults.push(fault.unless_by(&ours)),
        }
    }
    if faults.is_empty() { Ok(bound) } else { Err(faults) }
}
