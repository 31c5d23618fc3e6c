//! Who may come in, over real addresses: each test lays a small network of its own.
//!
//! ```text
//!  sensor                         router                          far
//!  lan  192.0.2.2/24 ------------ lan  192.0.2.1/24
//!       2001:db8:1::2/64               2001:db8:1::1/64
//!       fe80::2/64                     fe80::1/64
//!                                 wan  198.51.100.1/24 ---------- wan  198.51.100.9/24
//!                                      2001:db8:2::1/64                2001:db8:2::9/64
//! ```
//!
//! A case is asked three times: on the wire, of `rules explain` with the configuration, and of the sensor that
//! runs. The three must agree, and say why.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};

use crate::harness::client::Client;
use crate::harness::netns::Namespace;
use crate::harness::sensor::{BINARY, Home, Sensor};
use crate::harness::skip;

mod lists;
mod proxy;
mod subnet;
mod xclient;

/// Mail servers listen there, and in a namespace nobody else does.
const PORT: u16 = 25;

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Host {
    /// The host that the sensor runs on.
    Sensor,
    /// A neighbour of it.
    Router,
    /// Somebody behind the router.
    Far,
}

struct Network {
    sensor: Namespace,
    router: Namespace,
    far: Namespace,
}

impl Network {
    /// None where this machine does not let us: counted as a skip of `test`.
    fn lay(test: &str) -> Option<Self> {
        let add = || Namespace::add(test);
        let network = Self { sensor: add()?, router: add()?, far: add()? };
        if !network.sensor.has_ipv6() {
            skip(test, "this host has no IPv6");
            return None;
        }
        let Self { sensor, router, far } = &network;
        router.set("ipv4/ip_forward", "1");
        router.set("ipv6/conf/all/forwarding", "1");
        connect(router, sensor, "lan");
        connect(router, far, "wan");
        // Link-local addresses are ours to give, and none is asked for first: nothing has to be waited for.
        sensor.ip("address add 192.0.2.2/24 dev lan\n\
             address add 2001:db8:1::2/64 dev lan nodad\n\
             address add fe80::2/64 dev lan nodad\n\
             route add default via 192.0.2.1\n\
             route add default via 2001:db8:1::1\n");
        router.ip("address add 192.0.2.1/24 dev lan\n\
             address add 2001:db8:1::1/64 dev lan nodad\n\
             address add fe80::1/64 dev lan nodad\n\
             address add 198.51.100.1/24 dev wan\n\
             address add 2001:db8:2::1/64 dev wan nodad\n");
        far.ip("address add 198.51.100.9/24 dev wan\n\
             address add 2001:db8:2::9/64 dev wan nodad\n\
             route add default via 198.51.100.1\n\
             route add default via 2001:db8:2::1\n");
        Some(network)
    }

    fn host(&self, host: Host) -> &Namespace {
        match host {
            Host::Sensor => &self.sensor,
            Host::Router => &self.router,
            Host::Far => &self.far,
        }
    }

    /// A connection of `host` to the sensor's address `to`, which may have a scope: `fe80::2%lan`.
    #[track_caller]
    fn connection(&self, host: Host, to: &str) -> TcpStream {
        let connected = self.host(host).inside(|| {
            let address = (to, PORT).to_socket_addrs()?.next().expect("an address, not a name");
            TcpStream::connect(address)
        });
        connected.unwrap_or_else(|error| panic!("{host:?} to {to}: {error}"))
    }

    #[track_caller]
    fn client(&self, host: Host, to: &str) -> Client {
        Client::over(self.connection(host, to)).unwrap()
    }
}

/// A cable between two hosts, whose ends have one name.
fn connect(one: &Namespace, other: &Namespace, name: &str) {
    let (this, that) = (one.name(), other.name());
    one.ip(&format!("link add {name} netns {this} type veth peer name {name} netns {that}\n"));
    for end in [one, other] {
        end.ip(&format!("link set {name} addrgenmode none\nlink set {name} up\n"));
    }
}

/// A sensor in the network, on all of its addresses.
struct Stand {
    /// The first to go.
    _sensor: Sensor,
    home: Home,
    network: Network,
}

impl Stand {
    /// With `smtp` in the section of that name, and `listener` for its listener.
    fn new(network: Network, smtp: &str, listener: &str) -> Self {
        let home = Home::new("");
        let state = home.state();
        home.configure(&format!(
            "state_dir = {state:?}\n[smtp]\n{smtp}\n[[smtp.listener]]\nname = \"relay\"\n\
             address = \"[::]:{PORT}\"\n{listener}\n"
        ));
        let sensor = home.start_under(network.sensor.command(BINARY));
        Self { _sensor: sensor, home, network }
    }

    /// Asks for `host`, which connects to `to`: the greeting begins with `reply`, and `why` is in what is
    /// explained.
    #[track_caller]
    fn check(&self, host: Host, to: &str, reply: &str, why: &str) {
        let connection = self.network.connection(host, to);
        let (client, local) = (connection.local_addr().unwrap(), connection.peer_addr().unwrap());
        let greeting = Client::over(connection).unwrap().try_reply().unwrap();
        assert!(greeting.starts_with(reply), "{host:?} to {to}: {greeting}");
        self.explained(client, local, &greeting, why);
    }

    /// What is explained of a connection from `client` to `local` is `greeting`, which the wire said, and holds
    /// `why`.
    #[track_caller]
    fn explained(&self, client: SocketAddr, local: SocketAddr, greeting: &str, why: &str) {
        for explained in self.explanations(client.ip(), local.ip()) {
            let reply = explained.lines().find_map(|line| line.trim().strip_prefix("reply: "));
            let reply = reply.unwrap_or_else(|| panic!("no reply in {explained}"));
            assert!(greeting.starts_with(reply), "{greeting} is not {reply} of {explained}");
            assert!(explained.contains(why), "no {why} in {explained}");
        }
    }

    /// By the configuration, and by the sensor that runs.
    #[track_caller]
    fn explanations(&self, client: IpAddr, local: IpAddr) -> Vec<String> {
        let explain = |more: &[&str]| {
            let mut command = self.network.sensor.command(BINARY);
            command.arg("--config").arg(self.home.config()).args(["rules", "explain"]);
            command.args(["--client", &client.to_string(), "--local", &local.to_string()]).args(more);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        vec![explain(&[]), explain(&["--running"])]
    }
}
