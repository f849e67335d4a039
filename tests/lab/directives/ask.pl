#!/usr/bin/perl
# Asks for a page again and again, until its input ends: perl -e THIS HOST PATH ADDRESS...
# Then a line for each kind of answer: how many, the status (none: -), the address, and the body's beginning.
use strict;
use warnings;
use IO::Socket::INET;

my ($host, $path, @addresses) = @ARGV;
my %count;
for (my $turn = 0; !input_ended(0.01); $turn++) {
    my $address = $addresses[$turn % @addresses];
    my $answer = '';
    if (my $socket = IO::Socket::INET->new(PeerAddr => "$address:80", Timeout => 0.5)) {
        print {$socket} "GET $path HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n";
        my $end = time + 5;
        while (time < $end && ready($socket, 1)) { sysread $socket, $answer, 65536, length $answer or last }
    } else {
        select undef, undef, undef, 0.01;
    }
    my ($status) = $answer =~ m{^HTTP/\S+ (\d+)};
    # All of it counts, headers too.
    my $shown = index($answer, '<?php') >= 0 ? 'SOURCE' : $answer =~ /\r\n\r\n(\S{1,20})/ ? $1 : '';
    $count{ join ' ', $status // '-', $address, $shown }++;
}
print "$count{$_} $_\n" for sort keys %count;

sub ready {
    my ($handle, $seconds) = @_;
    vec(my $wanted = '', fileno $handle, 1) = 1;
    return select $wanted, undef, undef, $seconds;
}

sub input_ended {
    my ($seconds) = @_;
    return ready(\*STDIN, $seconds) && !sysread STDIN, my $text, 1;
}
