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
use tokio::sync::oneshot;

use super::porter::{Porter, Stand};
use super::post::Post;
use super::{Plans, Prepared};
use crate::listener::{BindError, ListenerPlan, bind};

/// What a change needs and did not have.
struct Bound {
    /// By the place of the plan.
    sockets: HashMap<usize, TcpListener>,
    /// Stands that were in the way.
    closed: Vec<usize>,
}

impl Porter {
    /// Prepares a change and, when it is told to, carries it out.
    pub(super) async fn change(
        &mut self,
        plans: Plans,
        ready: oneshot::Sender<Result<Prepared, Vec<BindError>>>,
    ) {
        let kept = self.match_up(&plans.listeners);
        let bound = match self.bind(&plans, &kept).await {
            Ok(bound) => bound,
            Err(faults) => {
                self.conclude(&faults);
                let _ = ready.send(Err(faults));
                return;
            }
        };
        let ((go, told), (finish, done)) = (oneshot::channel(), oneshot::channel());
        let is_wanted = ready.send(Ok(Prepared { go, done })).is_ok() && told.await.is_ok();
        if is_wanted {
            self.carry_out(plans, &kept, bound.sockets).await;
            self.conclude(&[]);
        } else {
            drop(bound.sockets);
            let lost = self.reopen_all(bound.closed);
            self.conclude(&lost);
        }
        let _ = finish.send(());
    }

    async fn carry_out(
        &mut self,
        Plans { listeners, is_open, deadline }: Plans,
        kept: &[Option<usize>],
        sockets: HashMap<usize, TcpListener>,
    ) {
        if is_open {
            self.set_open();
        } else {
            self.disable(deadline).await;
        }
        self.rearrange(listeners, kept, sockets, deadline).await;
    }

    /// For each plan the stand that it takes over, if there is one.
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

    async fn bind(&mut self, plans: &Plans, kept: &[Option<usize>]) -> Result<Bound, Vec<BindError>> {
        self.spare_handed_in(kept)?;
        if !plans.is_open {
            return Ok(Bound { sockets: HashMap::new(), closed: Vec::new() });
        }
        let faults = match self.bind_missing(&plans.listeners, kept) {
            Ok(sockets) => return Ok(Bound { sockets, closed: Vec::new() }),
            Err(faults) => faults,
        };
        // From [::]:25 to 192.0.2.1:25, our own socket is in the way.
        let closed = self.in_the_way(&faults, kept);
        if closed.is_empty() {
            return Err(faults);
        }
        for index in &closed {
            self.stands[*index].close().await;
        }
        match self.bind_missing(&plans.listeners, kept) {
            Ok(sockets) => Ok(Bound { sockets, closed }),
            Err(mut faults) => {
                faults.extend(self.reopen_all(closed));
                Err(faults)
            }
        }
    }

    /// A socket for each plan that keeps none: at the port that it had, where that was a free one.
    fn bind_missing(
        &self,
        plans: &[ListenerPlan],
        kept: &[Option<usize>],
    ) -> Result<HashMap<usize, TcpListener>, Vec<BindError>> {
        let (mut bound, mut faults) = (HashMap::new(), Vec::new());
        let mut ours = self.held(plans, kept);
        for (index, plan) in plans.iter().enumerate() {
            let stand = kept[index].map(|kept| &self.stands[kept]);
            let address = match stand {
                Some(stand) if stand.has_socket() => continue,
                Some(stand) => stand.address,
                None => plan.address,
            };
            match bind(&plan.name, address) {
                Ok(socket) => {
                    ours.push((Arc::clone(&plan.name), address));
                    bound.insert(index, socket);
                }
                Err(fault) => faults.push(fault.unless_by(&ours)),
            }
        }
        if faults.is_empty() { Ok(bound) } else { Err(faults) }
    }

    /// The addresses of sockets that stay, with the names that their listeners have from now on.
    fn held(&self, plans: &[ListenerPlan], kept: &[Option<usize>]) -> Vec<(Arc<str>, SocketAddr)> {
        let held = |(plan, kept): (&ListenerPlan, &Option<usize>)| {
            let stand = Some(&self.stands[(*kept)?]).filter(|stand| stand.has_socket())?;
            Some((Arc::clone(&plan.name), stand.address))
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
            stand.has_socket() && !kept.contains(&Some(*index)) && ports.contains(&stand.address.port())
        };
        self.stands.iter().enumerate().filter(goes).map(|(index, _)| index).collect()
    }

    /// The faults of those that are lost.
    fn reopen_all(&mut self, closed: Vec<usize>) -> Vec<BindError> {
        closed.into_iter().filter_map(|index| self.reopen(index).err()).collect()
    }

    /// Opens again what was closed in vain. Where that fails the listener is lost, until it is opened anew.
    fn reopen(&mut self, index: usize) -> Result<(), BindError> {
        let stand = &mut self.stands[index];
        let socket = bind(&stand.post.plan().name, stand.address)?;
        stand.open(socket);
        Ok(())
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
