#!/usr/bin/perl
# Sends first packets of connections into a copy of the router (rehearse.sh), as visitors would, and answers, as servers would.
# stdin, one a line: DEVICE SOURCE VIP tcp|udp|icmp PORT. Arguments: DEVICE=END for each of the copy's wires.
# Prints each line after its result: "through", "there" (the packet was lost) or "back" (its answer was lost).
use strict;
use warnings;
use Socket;

use constant { AF_PACKET => 17, ALL => 3, SIOCGIFINDEX => 0x8933, RCVBUFFORCE => 33, NON_BLOCKING => 04000 };
# The copy's devices, and all their neighbours.
my $copy = "\x02\0\0\0\0\x01";
my $others = "\x02\0\0\0\0\x02";
my %end;
my %number = (icmp => 1, tcp => 6, udp => 17);

sub plug {
    my ($name) = @_;
    socket(my $socket, AF_PACKET, SOCK_RAW | NON_BLOCKING, unpack 'S', pack 'n', ALL) or die "rehearse.pl: $!\n";
    my $request = pack 'a16x24', $name;
    ioctl($socket, SIOCGIFINDEX, $request) or die "rehearse.pl: $name: $!\n";
    setsockopt($socket, SOL_SOCKET, RCVBUFFORCE, pack 'i', 8_000_000);
    bind($socket, pack 'SniSCCx8', AF_PACKET, ALL, unpack('x16i', $request), 0, 0, 0) or die "rehearse.pl: $name: $!\n";
    return $socket;
}

sub sum {
    my ($data) = @_;
    my $sum = 0;
    $sum += $_ for unpack 'n*', length($data) % 2 ? "$data\0" : $data;
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

# frame FROM TO PROTOCOL FROM-PORT TO-PORT ANSWER: addresses packed.
sub frame {
    my ($from, $to, $protocol, $source, $port, $answer) = @_;
    my $pseudo = $from . $to . pack 'xC', $number{$protocol};
    my $body;
    if ($protocol eq 'tcp') {
        $body = pack 'nnNNCCnnn', $source, $port, $answer ? (7, 2) : (1, 0), 5 << 4, $answer ? 0x12 : 2, 8192, 0, 0;
        substr($body, 16, 2) = pack 'n', sum($pseudo . pack('n', length $body) . $body);
    }
    elsif ($protocol eq 'udp') {
        $body = pack 'nnnnN', $source, $port, 12, 0, 0;
        substr($body, 6, 2) = pack 'n', sum($pseudo . pack('n', length $body) . $body);
    }
    else {
        # The client's port is the number of the echo, so that each can be told apart.
        $body = pack 'CCnnn', $answer ? 0 : 8, 0, 0, ($answer ? $port : $source), 1;
        substr($body, 2, 2) = pack 'n', sum($body);
    }
    my $header = pack 'CCnnnCCna4a4', 0x45, 0, 20 + length $body, 0, 0x4000, 64, $number{$protocol}, 0, $from, $to;
    substr($header, 10, 2) = pack 'n', sum($header);
    return $copy . $others . "\x08\0" . $header . $body;
}

# Receives at the ends, until nothing is missing or nothing has arrived for a while; calls back with the end and what the packet says.
sub listen_for {
    my ($missing, $heard) = @_;
    my $bits = '';
    vec($bits, fileno $_, 1) = 1 for values %end;
    while ($missing > 0 && select my $ready = $bits, undef, undef, 0.25) {
        for my $end (values %end) {
            next if !vec $ready, fileno $end, 1;
            while (sysread $end, my $packet, 2048) {
                my ($to, $type, $protocol, $from, $dest, $body) = unpack 'a6x6a2x9Cx2a4a4a*', $packet;
                next if $to ne $others || $type ne "\x08\0";
                my ($kind) = grep { $number{$_} == $protocol } keys %number;
                next if !$kind;
                my @ports = unpack $kind eq 'icmp' ? 'x4n' : 'nn', $body;
                $missing-- if $heard->($end, $kind, $from, $dest, @ports);
            }
        }
    }
    return;
}

%end = map { /(.*)=(.*)/ ? ($1 => plug($2)) : () } @ARGV;
my (@lines, %of);
my $port = 20000;
while (my $line = <STDIN>) {
    chomp $line;
    my ($device, $source, $vip, $protocol, $to) = split / /, $line;
    push @lines, { text => $line, fate => 'there', device => $device, source => inet_aton($source), vip => inet_aton($vip), protocol => $protocol, to => $to, from => $port };
    $of{"$protocol $port"} = $lines[-1];
    $port++;
}

syswrite $end{ $_->{device} }, frame(@$_{qw(source vip protocol from to)}, 0) for @lines;
listen_for(
    scalar @lines,
    sub {
        my ($end, $protocol, undef, $dest, $from) = @_;
        my $line = $of{"$protocol $from"};
        return 0 if !$line || $line->{fate} ne 'there' || $dest ne $line->{vip};
        @$line{qw(fate end)} = ('back', $end);
        return 1;
    }
);
my @arrived = grep { $_->{fate} eq 'back' } @lines;
syswrite $_->{end}, frame(@$_{qw(vip source protocol to from)}, 1) for @arrived;
listen_for(
    scalar @arrived,
    sub {
        my (undef, $protocol, $from, undef, @ports) = @_;
        my $line = $of{ "$protocol " . $ports[-1] };
        return 0 if !$line || $line->{fate} ne 'back' || $from ne $line->{vip};
        $line->{fate} = 'through';
        return 1;
    }
);
print "$_->{fate} $_->{text}\n" for @lines;
