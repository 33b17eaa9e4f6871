#!/usr/bin/perl
# The same in Perl, with the FCGI module (Debian: libfcgi-perl).
use strict;
use warnings;
use FCGI;

my $request  = FCGI::Request();
my $requests = 0;

while ($request->Accept() >= 0) {
    $requests++;
    my $path = $ENV{PATH_INFO} || 'nothing in particular';
    print "Content-Type: text/plain; charset=utf-8\r\n\r\n";
    print "Request $requests of process $$.\nYou asked for $path.\n";
}
