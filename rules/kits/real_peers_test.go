//go:build integration

package kits

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// send writes lines to a port and waits for the last answer.
func send(t *testing.T, port, lines, last string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(lines)); err != nil {
		t.Fatal(err)
	}
	answer := ""
	for buffer := make([]byte, 4096); !strings.HasSuffix(answer, last); {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatalf("%q: %v", answer, err)
		}
		answer += string(buffer[:n])
	}
}

// listens waits until somebody takes connections at a port.
func listens(t *testing.T, port string) {
	t.Helper()
	eventually(t, "port "+port, func() error {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// Redis with a replica, each with redis_exporter.
func TestRealRedis(t *testing.T) {
	primary, replica := freePort(t), freePort(t)
	var pages []string
	for _, port := range []string{primary, replica} {
		args := []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--maxmemory", "64mb"}
		if port == replica {
			args = append(args, "--replicaof", "127.0.0.1 "+primary)
		}
		start(t, program{name: "redis-server", args: args})
		listens(t, port)
		exporter := freePort(t)
		start(t, program{name: "prometheus-redis-exporter", args: []string{"-redis.addr", "redis://127.0.0.1:" + port, "-web.listen-address", "127.0.0.1:" + exporter}})
		pages = append(pages, "http://127.0.0.1:"+exporter+"/metrics")
		answering(t, pages[len(pages)-1], "redis_up 1")
	}
	answering(t, pages[0], "redis_connected_slave_lag_seconds")
	look{
		kit: "redis", pages: pages, with: []string{"where a replica is connected", "on a replica"},
		traffic: func() { send(t, primary, strings.Repeat("SET a 1\r\nGET a\r\nGET b\r\n", 50)+"PING\r\n", "+PONG\r\n") },
	}.at(t)
}

// This host, through node_exporter.
func TestRealHost(t *testing.T) {
	port := freePort(t)
	start(t, program{name: "prometheus-node-exporter", args: []string{"--web.listen-address", "127.0.0.1:" + port}})
	page := "http://127.0.0.1:" + port + "/metrics"
	answering(t, page, "node_cpu_seconds_total")
	look{kit: "host", pages: []string{page}}.at(t)
}

// nginx, through its exporter.
func TestRealNginx(t *testing.T) {
	dir, port, exporter := t.TempDir(), freePort(t), freePort(t)
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  server { listen 127.0.0.1:%[2]s; location /stub_status { stub_status; } location / { return 204; } }
}
`, dir, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, program{name: "nginx", args: []string{"-e", "stderr", "-c", conf}})
	listens(t, port)
	start(t, program{name: "prometheus-nginx-exporter", args: []string{
		"-nginx.scrape-uri", "http://127.0.0.1:" + port + "/stub_status", "-web.listen-address", "127.0.0.1:" + exporter,
	}})
	page := "http://127.0.0.1:" + exporter + "/metrics"
	answering(t, page, "nginx_up 1")
	look{kit: "http", pages: []string{page}}.at(t)
}

// ownDir is a folder of a user that can get at it, where the test is root and the
// program refuses to be.
func ownDir(t *testing.T, name string) (string, *syscall.Credential) {
	t.Helper()
	if os.Getuid() != 0 {
		return t.TempDir(), nil
	}
	owner, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "kits") //nolint:usetesting // Another user cannot get into the test's own.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // A folder left in /tmp is no fault of the kit.
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // Ids of users.
}

// postgres is where Debian puts the programs of the server.
func postgres(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no %s below /usr/lib/postgresql: scripts/install-test-programs installs it", name)
	}
	return found[len(found)-1]
}

// PostgreSQL with a replica, each with postgres_exporter.
func TestRealPostgreSQL(t *testing.T) {
	dir, as := ownDir(t, "postgres")
	primary, replica := freePort(t), freePort(t)
	data := map[string]string{primary: filepath.Join(dir, "primary"), replica: filepath.Join(dir, "replica")}
	do(t, program{name: postgres(t, "initdb"), args: []string{"-D", data[primary], "-A", "trust", "-U", "postgres", "--no-sync"}, as: as})
	var pages []string
	for _, port := range []string{primary, replica} {
		if port == replica {
			do(t, program{name: postgres(t, "pg_basebackup"), args: []string{"-h", "127.0.0.1", "-p", primary, "-U", "postgres", "-D", data[replica], "-R", "-c", "fast", "--no-sync"}, as: as})
		}
		start(t, program{name: postgres(t, "postgres"), args: []string{
			"-D", data[port], "-p", port, "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
		}, as: as})
		listens(t, port)
		exporter := freePort(t)
		start(t, program{
			name: "prometheus-postgres-exporter", args: []string{"--web.listen-address", "127.0.0.1:" + exporter},
			env: []string{"DATA_SOURCE_NAME=postgresql://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable"},
		})
		pages = append(pages, "http://127.0.0.1:"+exporter+"/metrics")
		answering(t, pages[len(pages)-1], "pg_stat_database_xact_commit")
	}
	answering(t, pages[0], "pg_stat_replication_pg_wal_lsn_diff")
	look{
		kit: "postgresql", pages: pages, with: []string{"on a primary with a replica"},
		traffic: func() {
			do(t, program{name: postgres(t, "psql"), args: []string{
				"-h", "127.0.0.1", "-p", primary, "-U", "postgres", "-qc", "create table if not exists posts as select generate_series(1, 1000) as id", "-c", "select count(*) from posts",
			}})
		},
	}.at(t)
}

// RabbitMQ, through its own plugin, with a queue that nobody takes from.
func TestRealRabbitMQ(t *testing.T) {
	const server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	dir, amqp, page, dist, epmd := t.TempDir(), freePort(t), freePort(t), freePort(t), freePort(t)
	for name, text := range map[string]string{
		"rabbitmq.conf": fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%s\nprometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = %s\n", amqp, page),
		"enabled":       "[rabbitmq_prometheus].\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{
		"HOME=" + dir, "RABBITMQ_NODENAME=kits" + amqp + "@localhost", "RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
		"RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "enabled"),
		"RABBITMQ_DIST_PORT=" + dist, "ERL_EPMD_PORT=" + epmd, "ERL_EPMD_ADDRESS=127.0.0.1",
	}
	start(t, program{name: "epmd", args: []string{"-port", epmd, "-address", "127.0.0.1"}})
	listens(t, epmd)
	start(t, program{name: server, env: env, stop: syscall.SIGKILL})
	url := "http://127.0.0.1:" + page + "/metrics/per-object"
	answering(t, url, "rabbitmq_identity_info")
	ctl, err := filepath.Glob("/usr/lib/rabbitmq/lib/*/sbin/rabbitmqctl")
	if err != nil || len(ctl) == 0 {
		t.Fatal("there is no rabbitmqctl")
	}
	do(t, program{name: ctl[0], env: env, args: []string{"await_startup"}})
	do(t, program{name: ctl[0], env: env, args: []string{"eval", `rabbit_amqqueue:declare({resource, <<"/">>, queue, <<"mail">>}, true, false, [], none, <<"me">>).`}})
	answering(t, url, `rabbitmq_queue_messages_ready{`)
	look{kit: "queue", pages: []string{url}}.at(t)
}
